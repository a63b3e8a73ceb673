/** `chappe encode`: ProtoJSON to bytes. */

import { ProtocolError } from "../../errors.ts";
import { encodeFrame } from "../../wire/codec.ts";
import { encodeDelimited } from "../../wire/framing.ts";
import { decodeFrameJson } from "../../wire/json.ts";
import type { Command } from "./command.ts";
import { choice, readInput, refusePaths } from "./input.ts";
import { CliError } from "./io.ts";

export const encode: Command = {
  name: "encode",
  summary: "turns ProtoJSON into bytes",
  args: "[JSON]",
  maxArgs: 1,
  about: [
    "Reads one frame as ProtoJSON from the argument, a file or standard input, and prints its binary form. What the protocol does not " +
      "allow is refused, with the path of the field. Members that this version does not know are ignored, as in every receiver.",
  ],
  options: {
    file: { value: "FILE", short: "f", help: "Read from this file." },
    stream: { help: "Each line is a frame; write them length-delimited, one after the other (TRN-5)." },
    to: { value: "FORM", default: "hex", help: "How to write the bytes: hex, base64 or raw." },
  },
  examples: [`chappe encode '{"ping":{"timeMs":"123456"}}'`, "chappe encode --file frames.jsonl --stream --to raw > frames.bin"],
  run: async (given, io) => {
    const to = choice(given, "to", ["hex", "base64", "raw"]);
    const input = await readInput(given, io.stdin);
    await refusePaths(given.positionals);
    let text: string;
    try {
      text = typeof input === "string" ? input : new TextDecoder("utf-8", { fatal: true }).decode(input);
    } catch {
      throw new CliError("the input is not UTF-8");
    }
    let bytes: Uint8Array;
    if (given.has("stream")) {
      const lines = text.split("\n").map((line, index): [string, string] => [line, `line ${index + 1}: `]);
      bytes = Buffer.concat(
        lines.filter(([line]) => line.trim() !== "").map(([line, where]) => encodeDelimited(frameOf(line, where))),
      );
    } else bytes = frameOf(text, "");
    io.stdout.write(to === "raw" ? bytes : `${Buffer.from(bytes).toString(to)}\n`);
    return 0;
  },
};

function frameOf(json: string, where: string): Uint8Array {
  try {
    return encodeFrame(decodeFrameJson(json));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
    throw new CliError(`${where}${error.code}: ${error.message}${cause}`);
  }
}
