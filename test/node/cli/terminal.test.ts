/** What is to be seen where lines come while one is being written: the rows of a screen. */

import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { type Terminal, terminalOf } from "../../../src/node/cli/terminal.ts";
import { Screen } from "../../support/screen.ts";

const columns = 20;

function open(): { terminal: Terminal; screen: Screen; type: (text: string) => Promise<void>; lines: string[]; ends: number[] } {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
  const screen = new Screen(columns);
  const terminal = terminalOf({ stdin, stdout: screen, stderr: screen, env: {} });
  const lines: string[] = [];
  const ends: number[] = [];
  terminal.onLine((line) => {
    lines.push(line);
    terminal.print(`you: ${line}`);
  });
  terminal.onEnd(() => ends.push(lines.length));
  terminal.prompt("> ");
  const type = async (text: string): Promise<void> => {
    stdin.write(text);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { terminal, screen, type, lines, ends };
}

const long = "one two three four five six seven";
const begun = ["> one two three four", " five six seven"];

test("a line that comes stands above the one that is being written", async () => {
  const { terminal, screen, type } = open();
  await type("hel");
  terminal.print("bob: hi");
  expect(screen.text).toEqual(["bob: hi", "> hel"]);
  await type("lo");
  terminal.print("bob: a line of more than one row");
  expect(screen.text).toEqual(["bob: hi", "bob: a line of more ", "than one row", "> hello"].map((row) => row.trimEnd()));
});

test.each([
  ["pasted", [long]],
  ["typed", [...long]],
])("nothing of a line over several rows is left behind where it was %s", async (_how, keys) => {
  const { terminal, screen, type } = open();
  for (const key of keys) await type(key);
  expect(screen.text).toEqual(begun);
  terminal.print("bob: hi");
  expect(screen.text).toEqual(["bob: hi", ...begun]);
  terminal.prompt("(bob typing) > ");
  expect(screen.text).toEqual(["bob: hi", "(bob typing) > one t", "wo three four five s", "ix seven"]);
  terminal.prompt("> ");
  terminal.print("bob: ho");
  expect(screen.text).toEqual(["bob: hi", "bob: ho", ...begun]);
});

test("an entered line is shown once, also where the cursor was within it", async () => {
  const { screen, type, lines } = open();
  await type(long);
  await type("\u001b[H");
  await type("\r");
  expect(lines).toEqual([long]);
  expect(screen.text).toEqual(["you: one two three f", "our five six seven", ">"]);
});

test("another width of the window leaves nothing behind", async () => {
  const { terminal, screen, type } = open();
  await type(long);
  screen.resize(12);
  expect(screen.text).toEqual(["> one two th", "ree four fiv", "e six seven"]);
  terminal.print("bob: hi");
  expect(screen.text).toEqual(["bob: hi", "> one two th", "ree four fiv", "e six seven"]);
});

test.each([
  ["Ctrl-C", "\u0003"],
  ["Ctrl-D", "\u0004"],
])("%s ends it once, and leaves no prompt behind", async (_name, key) => {
  const { terminal, screen, type, ends } = open();
  terminal.print("bob: hi");
  await type(key);
  terminal.close();
  expect(ends).toEqual([0]);
  terminal.print("-- the end");
  expect(screen.text).toEqual(["bob: hi", "-- the end"]);
});
