/** Options from the command line, the environment and a file: which holds, and what is said of what is wrong. */

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cli } from "../../support/cli.ts";

const dir = mkdtempSync(join(tmpdir(), "chappe-"));
let files = 0;
function file(content: unknown): string {
  const path = join(dir, `settings-${++files}.json`);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}
const print = async (args: readonly string[], env: Record<string, string> = {}) => {
  const result = await cli(["serve", "--print-config", ...args], undefined, env);
  expect(result).toMatchObject({ code: 0, stderr: "" });
  return JSON.parse(result.stdout) as Record<string, unknown>;
};

test("the command line is before the environment, the environment before the file, the file before what holds by default", async () => {
  const config = file({ port: 1, rate: 10, attempts: "20", origin: ["https://a.example"], dev: true });
  const env = { CHAPPE_RATE: "11", CHAPPE_PORT: "2", CHAPPE_TRUSTED_PROXY: "10.0.0.0/8, ::1" };
  expect(await print(["--config", config, "--port", "3"], env)).toMatchObject({
    port: 3,
    rate: 11,
    attempts: 20,
    origin: ["https://a.example"],
    "trusted-proxy": ["10.0.0.0/8", "::1"],
    dev: true,
    path: "/",
    log: "info",
  });
  expect(await print(["--config", config], { CHAPPE_DEV: "false" })).not.toHaveProperty("dev");
  expect(await print([], { CHAPPE_CONFIG: "/nowhere", CHAPPE_PRINT_CONFIG: "false" })).toMatchObject({ port: 7900 });
});

test("what is printed is a file of settings that says the same", async () => {
  const first = await print(["--dev", "--rate", "0", "--trusted-proxy", "::1", "--admin-port", "9100"]);
  expect(await print(["--config", file(first)])).toEqual(first);
});

test("a password is not printed", async () => {
  const printed = await print(["--redis", "redis://user:canary@127.0.0.1:6379/0"]);
  expect(printed["redis"]).toBe("redis://user:...@127.0.0.1:6379/0");
});

test("all that is wrong is named at once, each with its path", async () => {
  const config = file({
    port: 70_000,
    prot: 1,
    dev: "yes",
    origin: [5, "x"],
    rate: { a: 1 },
    "trusted-proxy": [{}],
    config: "x",
    __proto__x: 1,
    constructor: 1,
    data: "",
  });
  const env = { CHAPPE_LOG: "loud", CHAPPE_DEV: "maybe" };
  const result = await cli(["serve", "--config", config], undefined, env);
  expect(result).toMatchObject({ code: 2, stdout: "" });
  expect(result.stderr.split("\n")).toEqual([
    `chappe serve: ${config}: "port": must be a whole number from 0 to 65535`,
    `chappe serve: ${config}: "prot": there is no such setting`,
    `chappe serve: ${config}: "dev": must be true or false`,
    `chappe serve: ${config}: "origin": must be an origin, as https://chat.example.org`,
    `chappe serve: ${config}: "rate": must be text or a number`,
    `chappe serve: ${config}: "trusted-proxy": must be text, or a list of texts`,
    `chappe serve: ${config}: "config": there is no such setting`,
    `chappe serve: ${config}: "__proto__x": there is no such setting`,
    `chappe serve: ${config}: "constructor": there is no such setting`,
    `chappe serve: ${config}: "data": must not be empty`,
    "chappe serve: CHAPPE_DEV: must be true or false",
    "chappe serve: CHAPPE_LOG: must be one of debug, info, warn, error",
    "",
  ]);
});

test.each(["null", "5", "[1]"])("a file that holds %s is refused", async (text) => {
  const path = file(text);
  const stderr = `chappe serve: --config '${path}': must be a JSON object\n`;
  expect(await cli(["serve", "--config", path])).toMatchObject({ code: 2, stderr });
});
