/** `chappe decode`: bytes to fields with their meaning, or to ProtoJSON; where bytes are wrong, which ones and by which rule. */

import { createReadStream } from "node:fs";
import { ProtocolError } from "../../errors.ts";
import { checked, type Frame, FrameSchema, parseFrame } from "../../wire/codec.ts";
import { DelimitedDecoder } from "../../wire/framing.ts";
import { encodeFrameJson } from "../../wire/json.ts";
import { relayFrameBytes } from "../../wire/limits.ts";
import type { Command, Given } from "./command.ts";
import { explain } from "./explain.ts";
import { choice, type Encoding, encodings, noInput, readBytes } from "./input.ts";
import { CliError, type Io, systemReason } from "./io.ts";
import { layOut } from "./layout.ts";
import { sizeOf } from "./values.ts";

export const decode: Command = {
  name: "decode",
  summary: "shows what bytes say, field by field",
  args: "[BYTES...]",
  maxArgs: Number.POSITIVE_INFINITY,
  about: [
    "Reads one frame in binary form, as hex, base64 or bytes, from the arguments, a file or standard input. Prints each field with its " +
      "range of bytes, its number, name, value and meaning. Where the bytes are wrong it says which, and which rule they break, and " +
      "ends with exit code 2. Tokens are shown by --json alone.",
    "Hex may be in several arguments, with spaces, commas, colons or 0x between the bytes, or be what xxd or hexdump -C print. A file is " +
      "given with --file: a path alone is refused.",
    "With --stream, a file and standard input are taken as bytes unless --encoding says otherwise.",
  ],
  options: {
    file: { value: "FILE", short: "f", help: "Read from this file." },
    stream: { help: "Read length-delimited frames, one after the other (TRN-5)." },
    encoding: { value: "FORM", default: "auto", help: "How the bytes are written: auto, hex, base64 or raw." },
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
    const encoding = choice(given, "encoding", encodings);
    if (!given.has("stream")) {
      showFrame(await readBytes(given, io.stdin, encoding), given, io, undefined);
      return 0;
    }
    const decoder = new DelimitedDecoder(relayFrameBytes);
    let number = 0;
    for await (const chunk of chunks(given, io, encoding)) {
      decoder.push(chunk);
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) showFrame(frame, given, io, ++number);
    }
    decoder.end();
    return 0;
  },
};

/** A file and standard input are read as they come, so that a stream may be longer than memory, or never end. */
async function* chunks(given: Given, { stdin }: Io, encoding: Encoding): AsyncIterable<Uint8Array> {
  const file = given.text("file");
  if (given.positionals.length > 0 || encoding === "hex" || encoding === "base64") {
    yield await readBytes(given, stdin, encoding);
    return;
  }
  let isEmpty = true;
  try {
    for await (const chunk of (file === undefined ? stdin : createReadStream(file)) as AsyncIterable<Uint8Array>) {
      isEmpty &&= chunk.length === 0;
      yield chunk;
    }
  } catch (error) {
    throw new CliError(`cannot read ${file ?? "standard input"}: ${systemReason(error)}`);
  }
  if (isEmpty) throw noInput(file ?? "standard input");
}

/** @param number of the frame in its stream. @throws CliError where the frame is not allowed. */
function showFrame(bytes: Uint8Array, given: Given, io: Io, number: number | undefined): void {
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
    io.stdout.write(`${encodeFrameJson(frame)}\n`);
    return;
  }
  // Longer than any frame: there is nothing to be gained from its fields.
  const lines = error?.code === "FRAME_TOO_LARGE" ? [] : explain(FrameSchema, bytes, error?.at);
  if (!given.has("json")) {
    const body =
      frame?.body.case ??
      (frame === undefined ? "malformed" : bytes.length === 0 ? "no body" : "no body that this version knows");
    io.stdout.write(`${title}: ${body}, ${sizeOf(bytes)}\n${layOut(lines, bytes, error)}`);
  }
  if (error !== undefined) {
    const where = error.at === undefined ? "" : `byte ${error.at}${error.field ? ` (${error.field})` : ""}: `;
    throw new CliError(`${title}: ${where}${error.code}: ${error.message}`);
  }
}
