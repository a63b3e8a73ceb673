/** `chappe encode`: ProtoJSON to bytes. */

import { ProtocolError } from "../../errors.ts";
import { oneOf } from "../../session/option-rules.ts";
import { encodeFrame } from "../../wire/codec.ts";
import { encodeDelimited } from "../../wire/framing.ts";
import { decodeFrameJson } from "../../wire/json.ts";
import type { Command } from "./command.ts";
import { inputOf, refusePaths } from "./input.ts";
import { CliError, writeTo } from "./io.ts";
import { chunksOf, linesOf, readSource } from "./source.ts";

const forms = ["hex", "base64", "raw"] as const;

export const encode: Command = {
  name: "encode",
  summary: "turns ProtoJSON into bytes",
  args: "[JSON]",
  count: [0, 1],
  about: [
    "Reads one frame as ProtoJSON from the argument, a file or standard input, and prints its binary form. What the protocol does not " +
      "allow is refused, with the path of the field. Members that this version does not know are ignored, as in every receiver.",
    "With --stream, each line is encoded and written as it comes, so that the input may never end. A line that is wrong ends it: what " +
      "came before is written. Hex and base64 are written with one line for each frame.",
  ],
  options: {
    file: { value: "FILE", short: "f", help: "Read from this file." },
    stream: { help: "Each line is a frame; write them length-delimited, one after the other (TRN-5)." },
    to: { value: "FORM", default: "hex", rule: oneOf(...forms), help: "How to write the bytes." },
  },
  examples: [`chappe encode '{"ping":{"timeMs":"123456"}}'`, "chappe encode --file frames.jsonl --stream --to raw > frames.bin"],
  run: async (given, io) => {
    const form = given.text("to") as (typeof forms)[number];
    const input = inputOf(given, io.stdin);
    if ("text" in input) await refusePaths(given.positionals);
    const put = (bytes: Uint8Array) => writeTo(io.stdout, form === "raw" ? bytes : `${Buffer.from(bytes).toString(form)}\n`);
    if (!given.has("stream")) {
      await put(frameOf("text" in input ? input.text : textOf(await readSource(input.source), ""), ""));
      return 0;
    }
    let isEmpty = true;
    for await (const { number, line } of linesOf("text" in input ? [Buffer.from(input.text)] : chunksOf(input.source))) {
      const where = `line ${number}: `;
      const json = textOf(line, where);
      if (json.trim() === "") continue;
      isEmpty = false;
      await put(encodeDelimited(frameOf(json, where)));
    }
    if (isEmpty) throw new CliError("no input: there is nothing but white space");
    return 0;
  },
};

function textOf(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CliError(`${where}the input is not UTF-8`);
  }
}

function frameOf(json: string, where: string): Uint8Array {
  try {
    return encodeFrame(decodeFrameJson(json));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
    throw new CliError(`${where}${error.code}: ${error.message}${cause}`);
  }
}
