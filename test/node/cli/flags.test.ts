/** Each flag of each command, with what it takes and what it refuses: one line that names it, exit code 2. A flag without a row fails. */

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "../../../src/node/cli/command.ts";
import { commands } from "../../../src/node/cli/commands.ts";
import { certificate } from "../../support/certificate.ts";
import { cli } from "../../support/cli.ts";

const dir = mkdtempSync(join(tmpdir(), "chappe-"));
const file = join(dir, "file");
writeFileSync(file, "{}");
const keys = join(dir, "keys");
writeFileSync(keys, '{ "keys": [] }');
const [newline, list, cert] = [join(dir, "newline"), join(dir, "list"), join(dir, "cert.pem")];
writeFileSync(newline, "\n");
writeFileSync(list, "[]");
writeFileSync(cert, (await certificate()).cert);

interface Row {
  readonly good: readonly string[];
  /** Values, and what is said of them. */
  readonly bad: readonly (readonly [value: string, why: string])[];
}
const whole = (min: number, max: number): Row => ({
  good: [String(min), String(max)],
  bad: ["", "x", "-1", "1.5", "1e3", "0x10", " 5", "9".repeat(20), String(max + 1), ...(min > 0 ? [String(min - 1)] : [])].map(
    (value) => [value, `must be a whole number from ${min} to ${max}`],
  ),
});
const choice = (...names: string[]): Row => ({
  good: names,
  bad: ["", "x", names[0]?.toUpperCase() ?? ""].map((value) => [value, `must be one of ${names.join(", ")}`]),
});
const isEmpty = ["", "must not be empty"] as const;
const input: Row = {
  good: ["-", file],
  bad: [isEmpty, ["/nowhere/x", "no such file"], ["/", "is a directory"]],
};
const unreadable = [isEmpty, ["/nowhere/x", "no such file"], ["/", "is a directory"]] as const;
const token: Row = { good: input.good, bad: [...input.bad, ["/dev/zero", "has more than 16777216 bytes"]] };
const name: Row = { good: ["https://login.example.org", "any"], bad: [isEmpty] };
const origin = "must be an origin, as https://chat.example.org";
const url = "must be a URL as wss://host/, without a password or token";
/** What the values of a flag that takes none may be is nothing. */
const none: Row = { good: [], bad: [] };

const rows: Readonly<Record<string, Readonly<Record<string, Row>>>> = {
  serve: {
    host: {
      good: ["127.0.0.1", "::1"],
      bad: [isEmpty, ["0.0.0.0", "--dev lets anyone in: it must be this machine, as 127.0.0.1"]],
    },
    port: whole(0, 65_535),
    path: {
      good: ["/", "/chat"],
      bad: ["", "x", "/a?b", "/a#b", "/a b"].map((value) => [value, "must be a path, as /chat, without ? and #"]),
    },
    tokens: token,
    jwks: {
      good: ["-", keys, "https://login.example.org/keys"],
      bad: [
        ...token.bad,
        [file, "must be a key set, or an address with https:, or with http: on this machine"],
        ["http://login.example.org/keys", "must begin with https:, or with http: on this machine"],
      ],
    },
    "jwt-secret": { good: token.good, bad: [...token.bad, [file, "must be at least 32 bytes"]] },
    "jwt-issuer": name,
    "jwt-audience": name,
    "jwt-skew": whole(0, 300),
    data: { good: [join(dir, "logs")], bad: [isEmpty, [file, "file already exists"], ["/dev/null/x", "not a directory"]] },
    redis: {
      good: ["redis://127.0.0.1:6379", "rediss://user@host/0"],
      bad: ["", "127.0.0.1:6379", "http://127.0.0.1"].map((value) => [value, "must be an address as redis://host:6379"]),
    },
    dev: none,
    origin: {
      good: ["https://chat.example.org", "http://localhost:7900", "null"],
      bad: ["", "example.org", "https://example.org/"].map((value) => [value, origin]),
    },
    retention: whole(1, 10_000_000),
    rate: whole(0, 1_000_000),
    "user-rate": whole(0, 1_000_000),
    attempts: whole(0, 1_000_000),
    "trusted-proxy": {
      good: ["10.0.0.0/8", "::1", "fd00::/8"],
      bad: ["", "x", "10.0.0.0/33", "10.0.0/8", "1.2.3.4/8/8", "::/129"].map((value) => [
        value,
        "must be an address or network, as 10.0.0.0/8",
      ]),
    },
    "user-connections": whole(1, 1_000_000),
    "max-connections": whole(1, 10_000_000),
    "admin-port": whole(0, 65_535),
    "admin-host": { good: ["127.0.0.1"], bad: [isEmpty] },
    "api-port": { good: ["0", "65535"], bad: whole(0, 65_535).bad },
    "api-host": { good: ["127.0.0.1"], bad: [isEmpty] },
    "api-keys": { good: token.good, bad: [...token.bad, [newline, "holds no key"]] },
    "tls-cert": { good: [file], bad: [...unreadable, [file, "is no certificate in PEM"]] },
    "tls-key": { good: [file], bad: [...unreadable, [file, "is no private key in PEM of this certificate"]] },
    config: {
      good: input.good,
      bad: [...token.bad, [newline, "is no JSON: Unexpected end of JSON input"], [list, "must be a JSON object"]],
    },
    "print-config": none,
    drain: whole(0, 600_000),
    log: choice("debug", "info", "warn", "error"),
  },
  chat: {
    url: {
      good: ["ws://127.0.0.1:7900/", "wss://chat.example.org/path?room=1", "ws://[::1]/"],
      bad: [["ws://example.org/", "would send the token unencrypted: use wss://, or --insecure"]],
    },
    user: { good: ["ada"], bad: [isEmpty] },
    "token-file": token,
    tail: whole(0, 10_000),
    wait: whole(0, 3_600_000),
    log: { good: [join(dir, "log")], bad: [isEmpty, ["/nowhere/x", "no such file"], ["/", "is a directory"]] },
    insecure: none,
  },
  check: { most: whole(1, 1_000_000), json: none },
  decode: { file: input, stream: none, encoding: choice("auto", "hex", "base64", "raw"), json: none },
  encode: { file: input, stream: none, to: choice("hex", "base64", "raw") },
};
/** What else a command wants, so that the flag alone is at fault. */
const rest = (command: string, flag: string): string[] => {
  if (command === "serve") {
    const isJwt = flag === "jwks" || flag === "jwt-secret";
    const also =
      { "api-keys": ["--api-port", "0"], "tls-cert": ["--tls-key", file], "tls-key": ["--tls-cert", cert] }[flag] ?? [];
    const way = isJwt ? ["--jwt-issuer", "any", "--jwt-audience", "any"] : flag === "tokens" ? [] : ["--dev"];
    return [...way, ...also, ...(flag === "port" ? [] : ["--port", "0"])];
  }
  if (command === "chat") return ["lobby", ...(flag === "user" || flag === "token-file" ? [] : ["--user", "ada"])];
  return command === "check" ? [file] : [];
};
const line = (command: string, text: string) => ({ code: 2, stdout: "", stderr: `chappe ${command}: ${text}\n` });

describe.each(commands)("$name", (command) => {
  const { name, options, count } = command;
  const args = Array.from({ length: count[0] }, () => "x");

  test("has a row for each flag, and none besides", () => {
    expect(Object.keys(rows[name] ?? {}).sort()).toEqual(Object.keys(options).sort());
  });

  describe.each(Object.entries(options))("--%s", (flag, { value, short, multiple, isSecret }) => {
    const { good, bad } = rows[name]?.[flag] ?? none;

    if (value === undefined) {
      test("takes no value, once", async () => {
        expect(parse(command, [...args, `--${flag}`]).has(flag)).toBe(true);
        expect(parse(command, args).has(flag)).toBe(false);
        expect(await cli([name, `--${flag}=yes`])).toMatchObject(line(name, `--${flag} takes no value: 'yes'`));
        expect(await cli([name, `--${flag}`, `--${flag}`])).toMatchObject(line(name, `--${flag} is given twice`));
      });
      return;
    }

    test.each(good)("takes '%s'", (text) => {
      expect(parse(command, [...args, `--${flag}=${text}`]).text(flag)).toBe(text);
      expect(parse(command, [`--${flag}`, text, ...args]).texts(flag)).toEqual([text]);
      if (short !== undefined) expect(parse(command, [...args, `-${short}`, text]).text(flag)).toBe(text);
    });

    test.each(bad)("refuses '%s': %s", async (text, why) => {
      const shown = isSecret && !text.startsWith("ws") ? "" : ` '${text}'`;
      expect(await cli([name, ...rest(name, flag), `--${flag}=${text}`])).toMatchObject(line(name, `--${flag}${shown}: ${why}`));
    });

    test("refuses to be given without a value", async () => {
      const missing = line(name, `--${flag} has no value: give --${flag} ${value}`);
      expect(await cli([name, ...rest(name, flag), `--${flag}`])).toMatchObject(missing);
      if (short !== undefined) expect(await cli([name, ...rest(name, flag), `-${short}`])).toMatchObject(missing);
      // What follows is the next option, not its value.
      const { code, stdout, stderr } = await cli([name, ...rest(name, flag), `--${flag}`, "--help-me"]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toMatch(new RegExp(`^chappe ${name}: --${flag}\\b.*\n$`));
    });

    test(multiple ? "may be given twice" : "refuses to be given twice", async () => {
      const [text = ""] = good;
      const twice = [...args, `--${flag}=${text}`, `--${flag}=${text}`];
      if (multiple) expect(parse(command, twice).texts(flag)).toEqual([text, text]);
      else expect(await cli([name, ...twice])).toMatchObject(line(name, `--${flag} is given twice`));
    });

    test("has a default that it would take", () => {
      const preset = options[flag]?.default;
      if (preset !== undefined) expect(parse(command, [...args, `--${flag}=${preset}`]).text(flag)).toBe(preset);
    });
  });

  test.each(["--nope", "--nope=5", "-x", "--no-json", "--__proto__", "--constructor"])("refuses %s", async (text) => {
    const shown = text.split("=")[0];
    expect(await cli([name, text])).toMatchObject(line(name, `unknown option '${shown}': see chappe help ${name}`));
  });

  test("refuses what it takes no more of", async () => {
    if (count[1] === Number.POSITIVE_INFINITY) return;
    const extra = await cli([name, ...Array.from({ length: count[1] }, () => "{}"), "extra"]);
    expect(extra).toMatchObject(line(name, `unexpected argument 'extra': see chappe help ${name}`));
  });

  test("help names each flag, in 80 columns, the same in both ways", async () => {
    const help = await cli(["help", name]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    for (const args of [
      [name, "--help"],
      [name, "--nope", "-h"],
      ["--help", name],
    ])
      expect((await cli(args)).stdout).toBe(help.stdout);
    for (const flag of [...Object.keys(options), "help"]) expect(help.stdout).toMatch(new RegExp(`^ +(-., )?--${flag}\\b`, "m"));
    for (const each of help.stdout.split("\n")) expect(each.length).toBeLessThanOrEqual(80);
  });
});

describe("what several flags say together", () => {
  test.each([
    ["serve", [], "who may connect? give --tokens, --jwks, --jwt-secret or --dev; --dev lets anyone of this machine in"],
    ["serve", ["--jwks", keys, "--jwt-secret", "x"], "give either --jwks or --jwt-secret, not both"],
    ["serve", ["--jwks", keys, "--jwt-audience", "x"], "--jwt-issuer is missing: give it with --jwks, or any"],
    ["serve", ["--jwt-secret", keys, "--jwt-issuer", "x"], "--jwt-audience is missing: give it with --jwt-secret, or any"],
    ["serve", ["--dev", "--jwt-skew", "1"], "--jwt-skew has a meaning with --jwks and --jwt-secret alone"],
    ["serve", ["--dev", "--tokens", "x"], "give either --tokens or --dev, not both"],
    ["serve", ["--dev", "--data", "x", "--redis", "redis://x"], "give either --data or --redis, not both"],
    ["serve", ["--dev", "--redis", "redis://:secret@127.0.0.1:1"], "--redis 'redis://:...@127.0.0.1:1': connection refused"],
    ["serve", ["--tokens", file, "--port", "0"], `--tokens '${file}': names no user`],
    ["chat", [], "ROOM is missing: see chappe help chat"],
    ["chat", [""], "ROOM '': no room can have that name: join.name: is not 1 to 256 bytes of text"],
    ["chat", ["lobby"], "who are you? give --user NAME, --token-file FILE, or CHAPPE_TOKEN"],
    ["chat", ["lobby", "--user", "ada", "--token-file", "x"], "give either --user or --token-file, not both"],
    ["chat", ["lobby", "--user", "--json"], "--user has no value: if '--json' is meant, give --user=--json"],
    ["decode", [], "nothing to read: give an argument, --file FILE, or something on standard input"],
    ["decode", ["00", "--file", "x"], "give either arguments or --file, not both"],
    ["decode", ["4a0"], "the input has an odd number of hex digits: '4a0'"],
    ["decode", ["4a", "4", "8"], "the input has an odd number of hex digits: '4'"],
    ["decode", ["0x4", "0x8"], "the input has an odd number of hex digits: '4'"],
    ["decode", ["4a0!"], "the input is not hex or base64: character 4 is '!'"],
    ["encode", [], "nothing to read: give an argument, --file FILE, or something on standard input"],
  ])("%s %j", async (name, args, text) => {
    expect(await cli([name, ...args])).toMatchObject(line(name, text));
  });

  test.each([
    "nonsense",
    "",
    "http://x/",
    "ws://",
    "ws:///x",
    "ws://x:99999/",
    "wss://ada:canary@x/",
    "wss://x/?token=canary",
    "wss://x/#a",
  ])("chat --url '%s' is refused, and not repeated: it may hold a password", async (text) => {
    expect(await cli(["chat", "lobby", "--user", "ada", `--url=${text}`])).toMatchObject(line("chat", `--url: ${url}`));
  });

  test("what the user typed is cut, and cannot write to the terminal", async () => {
    const { stderr } = await cli(["serve", "--log", `\u001b[2J${"x".repeat(1000)}`]);
    expect(stderr).toBe(`chappe serve: --log '\\u{1b}[2J${"x".repeat(56)}…': must be one of debug, info, warn, error\n`);
  });
});

describe("without a command", () => {
  test.each([
    [["telegraph"], "unknown command 'telegraph': see chappe help"],
    [["help", "telegraph"], "unknown command 'telegraph': see chappe help"],
    [["help", "serve", "chat"], "unexpected argument 'chat': see chappe help"],
    [["--version", "5"], "unexpected argument '5': see chappe help"],
    [["--nope"], "unknown option '--nope': options follow the command, see chappe help"],
  ])("%j is refused", async (args, text) => {
    expect(await cli(args)).toMatchObject({ code: 2, stdout: "", stderr: `chappe: ${text}\n` });
  });

  test("help lists the commands, in 80 columns", async () => {
    const { stdout, code } = await cli([]);
    expect(code).toBe(0);
    for (const args of [["help"], ["--help"], ["-h"]]) expect((await cli(args)).stdout).toBe(stdout);
    for (const { name } of commands) expect(stdout).toMatch(new RegExp(`^ {2}${name} `, "m"));
    for (const each of stdout.split("\n")) expect(each.length).toBeLessThanOrEqual(80);
  });

  test("--version prints the version alone", async () => {
    for (const flag of ["--version", "-V"]) expect((await cli([flag])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
