/** `chappe decode`: bytes to fields with their meaning, or to ProtoJSON; where bytes are wrong, which ones and by which rule. */

import { ProtocolError } from "../../errors.ts";
import { oneOf } from "../../session/option-rules.ts";
import { checked, type Frame, FrameSchema, parseFrame } from "../../wire/codec.ts";
import { DelimitedDecoder } from "../../wire/framing.ts";
import { encodeFrameJson } from "../../wire/json.ts";
import { relayFrameBytes } from "../../wire/limits.ts";
import type { Command, Given } from "./command.ts";
import { explain } from "./explain.ts";
import { type Encoding, encodings, type Input, inputOf, readBytes } from "./input.ts";
import { CliError, type Io, writeTo } from "./io.ts";
import { layOut, placeOf } from "./layout.ts";
import { clauseOf } from "./meanings.ts";
import { chunksOf } from "./source.ts";
import { sizeOf } from "./values.ts";

export const decode: Command = {
  name: "decode",
  summary: "shows what bytes say, field by field",
  args: "[BYTES...]",
  count: [0, Number.POSITIVE_INFINITY],
  about: [
    "Reads one frame in binary form, as hex, base64 or bytes, from the arguments, a file or standard input. Prints each field with its " +
      "range of bytes, its number, name, value and meaning. Where the bytes are wrong it says which, and which rule they break, and " +
      "ends with exit code 2. Tokens are shown by --json alone.",
    "Hex may be in several arguments, with spaces, commas, colons or 0x between the bytes, or be what xxd or hexdump -C print. A file is " +
      "given with --file: a path alone is refused.",
    "With --stream, a file and standard input are taken as bytes unless --encoding says otherwise, and each frame is shown as it comes: " +
      "the stream may never end. What is not such a stream may have 16 MiB.",
  ],
  options: {
    file: { value: "FILE", short: "f", help: "Read from this file." },
    stream: { help: "Read length-delimited frames, one after the other (TRN-5)." },
    encoding: { value: "FORM", default: "auto", rule: oneOf(...encodings), help: "How the bytes are written." },
    json: { help: "Print ProtoJSON instead, one line for each frame." },
  },
  examples: [
    "chappe decode 4a0408c0c407",
    "chappe decode 4a 04 08 c0 c4 07",
    "xxd frame.bin | chappe decode",
    "chappe decode --file frame.bin --json",
    "chappe decode --stream --encoding raw < capture.bin",
  ],
  run: async (given, io) => {
    const encoding = given.text("encoding") as Encoding;
    const input = inputOf(given, io.stdin);
    if (!given.has("stream")) {
      await showFrame(await readBytes(given, input, encoding), given, io, undefined);
      return 0;
    }
    const decoder = new DelimitedDecoder(relayFrameBytes);
    let number = 1;
    for await (const chunk of chunks(given, input, encoding)) {
      decoder.push(chunk);
      for (let frame = framed(() => decoder.next(), number); frame !== undefined; frame = framed(() => decoder.next(), number))
        await showFrame(frame, given, io, number++);
    }
    framed(() => decoder.end(), number);
    return 0;
  },
};

/** Bytes are taken as they come, so that a stream may be longer than memory, or never end; as hex or base64 they are gathered. */
async function* chunks(given: Given, input: Input, encoding: Encoding): AsyncIterable<Uint8Array> {
  if ("text" in input || encoding === "hex" || encoding === "base64") yield await readBytes(given, input, encoding);
  else yield* chunksOf(input.source);
}

/** @throws CliError that names the frame that the stream breaks off in. */
function framed<T>(step: () => T, number: number): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new CliError(`frame ${number}, at byte ${error.at} of the stream: ${error.code}: ${error.message}`);
  }
}

/** @param number of the frame in its stream. @throws CliError where the frame is not allowed. */
async function showFrame(bytes: Uint8Array, given: Given, io: Io, number: number | undefined): Promise<void> {
  let frame: Frame | undefined;
  let error: ProtocolError | undefined;
  try {
    frame = parseFrame(bytes);
    checked(frame);
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError)) throw thrown;
    error = thrown;
  }
  const title = number === undefined ? "frame" : `frame ${number}`;
  if (given.has("json") && frame !== undefined && error === undefined) {
    await writeTo(io.stdout, `${encodeFrameJson(frame)}\n`);
    return;
  }
  // Longer than any frame: there is nothing to be gained from its fields.
  const lines = error?.code === "FRAME_TOO_LARGE" ? [] : explain(FrameSchema, bytes, error?.at);
  if (!given.has("json")) {
    const body =
      frame?.body.case ??
      (frame === undefined ? "malformed" : bytes.length === 0 ? "no body" : "no body that this version knows");
    await writeTo(io.stdout, `${title}: ${body}, ${sizeOf(bytes)}\n${layOut(lines, bytes, error, io.stdout.columns)}`);
  }
  if (error !== undefined) {
    const at = placeOf(lines, error);
    const where = at === undefined ? "" : `byte ${at}${error.field ? ` (${error.field})` : ""}: `;
    throw new CliError(`${title}: ${where}${error.code}: ${error.message} (${clauseOf(error.code)})`);
  }
}
