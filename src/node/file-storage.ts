/**
 * An outbox in a file (SES-11): lines that are only added, each with a checksum, and written anew when most of them are of the past.
 *
 * Law: what `write` has resolved for is in the file whatever happens to the process, and on the disk where `sync` says so. A write that was
 * cut off leaves nothing. A damaged line takes no other with it: it is given to the client as it is, and kept beside the file.
 *
 * A line: CRC-32 of what follows in 8 hex digits, `-`, or `=` where it is the last of its write, and JSON.
 */

import { type FileHandle, open, readFile, rename } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { crc32 } from "node:zlib";
import type { OutboxStorage } from "../client/storage.ts";
import { recordOf, StoredTexts } from "../client/stored-texts.ts";
import type { StoredState, StoreOp } from "../delivery/outbox.ts";
import { UsageError } from "../errors.ts";
import { checkedBy, oneOf, type Rules } from "../session/option-rules.ts";
import { lockFile } from "./file-lock.ts";

/** Settings of a file storage. */
export interface FileStorageOptions {
  /**
   * `always`, the default: a write is on the disk before it counts, so that a machine may lose its power. `never`: it is handed to the system,
   * which writes when it likes: nothing is lost where the process alone ends.
   */
  readonly sync?: "always" | "never";
}

const rules: Rules<FileStorageOptions> = { sync: oneOf("always", "never") };
/** The first line: what the file is. */
const header = line("=", `"chappe outbox 1"`);
/** A file below this size is not written anew. */
const leastRewrite = 64 * 1024;

/**
 * Keeps an outbox in a file, under an exclusive lock beside it.
 *
 * @example
 * ```ts
 * const storage = new FileStorage("/var/lib/bot/outbox.log");
 * const client = new Client({ url, token, storage });
 * // …
 * await client.close();
 * await storage.close();
 * ```
 */
export class FileStorage implements OutboxStorage {
  readonly #path: string;
  readonly #isSynced: boolean;
  #unlock: (() => Promise<void>) | undefined;
  #file: FileHandle | undefined;
  #live: StoredTexts = new StoredTexts();
  /** Bytes of whole writes. What stands behind them is of no account. */
  #size = 0;
  /** From this size on the next write writes all of it anew. */
  #rewriteAt = leastRewrite;

  /** @param path - of the file, which is made where there is none; its directory has to be there. @throws UsageError OPTION_INVALID. */
  constructor(path: string, options: FileStorageOptions = {}) {
    if (typeof path !== "string" || path === "") throw new UsageError("OPTION_INVALID", "path: must be that of a file");
    this.#path = resolve(path);
    this.#isSynced = (checkedBy(rules, options, "options", "")["sync"] ?? "always") === "always";
  }

  /**
   * Takes the lock, and reads. Rejects with a UsageError OUTBOX_LOCKED where another process, or another storage of this one, holds it;
   * OUTBOX_CORRUPT where the file is none of an outbox; with what the file system says.
   */
  async load(): Promise<StoredState> {
    this.#unlock ??= await lockFile(`${this.#path}.lock`, { what: "outbox", code: "OUTBOX_LOCKED" });
    await this.#file?.close();
    this.#file = await open(this.#path, "a+");
    const { live, size, ends } = parse(await readFile(this.#path), this.#path);
    this.#live = live;
    this.#size = size;
    this.#rewriteAt = Math.max(leastRewrite, 2 * size);
    if (ends > size) await this.#file.truncate(size);
    if (size === 0) await this.#rewrite(live);
    return live.give();
  }

  async write(ops: readonly StoreOp[]): Promise<void> {
    const next = this.#live.copy();
    const aside = ops.map((op) => next.apply(op)).filter((text) => text !== undefined);
    if (aside.length > 0) await this.#append(`${this.#path}.damaged`, `${aside.join("\n")}\n`);
    if (aside.length > 0 || this.#size >= this.#rewriteAt) await this.#rewrite(next);
    else await this.#add(toLines(ops.map(recordOf)));
    this.#live = next;
  }

  /** Gives the file back to whoever comes next. Close the client first. */
  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    await this.#unlock?.();
    this.#unlock = undefined;
  }

  async #add(text: string): Promise<void> {
    const file = this.#opened();
    const bytes = Buffer.from(text);
    try {
      await writeAll(file, bytes);
      if (this.#isSynced) await file.datasync();
    } catch (error) {
      // Half a write must not stand before the next one.
      await file.truncate(this.#size);
      throw error;
    }
    this.#size += bytes.length;
  }

  /** Writes everything into a new file, which takes the place of the old one in one step. */
  async #rewrite(live: StoredTexts): Promise<void> {
    this.#opened();
    const damaged = [...live.damaged].map((text) => `${text}\n`);
    const bytes = Buffer.from([header, ...damaged, toLines(live.records())].join(""));
    const file = await open(`${this.#path}.new`, "w");
    try {
      await writeAll(file, bytes);
      if (this.#isSynced) await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${this.#path}.new`, this.#path);
    if (this.#isSynced) await syncDirectory(dirname(this.#path));
    const old = this.#file;
    this.#file = await open(this.#path, "a+");
    await old?.close();
    this.#size = bytes.length;
    this.#rewriteAt = Math.max(leastRewrite, 4 * bytes.length);
  }

  async #append(path: string, text: string): Promise<void> {
    const file = await open(path, "a");
    try {
      await writeAll(file, Buffer.from(text));
      if (this.#isSynced) await file.sync();
    } finally {
      await file.close();
    }
  }

  #opened(): FileHandle {
    if (this.#file === undefined) throw new UsageError("STATE_INVALID", "the storage is closed, or was not loaded");
    return this.#file;
  }
}

/** What a file holds. `size`: bytes up to the last whole write; `ends`: all of them. */
function parse(bytes: Buffer, path: string): { readonly live: StoredTexts; readonly size: number; readonly ends: number } {
  const live = new StoredTexts();
  let damaged = 0;
  let waiting: Record<string, unknown>[] = [];
  let size = 0;
  let whole = 0;
  for (let at = 0, end = bytes.indexOf(10); end >= 0; at = end + 1, end = bytes.indexOf(10, at)) {
    const read = readLine(bytes.subarray(at, end));
    if (read !== undefined) {
      whole++;
      waiting.push(read.value);
    } else {
      damaged++;
      live.addDamaged(bytes.toString("utf8", at, end));
    }
    // A damaged line may have been the last one of its write.
    if (read !== undefined && !read.isLast) continue;
    for (const value of waiting) live.replay(value);
    waiting = [];
    size = end + 1;
  }
  if (damaged > 0 && whole === 0) throw new UsageError("OUTBOX_CORRUPT", `${path} is not the file of an outbox`);
  return { live, size, ends: bytes.length };
}

function readLine(bytes: Buffer): { readonly value: Record<string, unknown>; readonly isLast: boolean } | undefined {
  if (bytes.length < 10 || bytes.toString("latin1", 0, 8) !== checksum(bytes.subarray(8))) return undefined;
  return { value: JSON.parse(bytes.toString("utf8", 9)) as Record<string, unknown>, isLast: bytes[8] === 0x3d };
}

function line(flag: "-" | "=", json: string): string {
  return `${checksum(Buffer.from(flag + json))}${flag}${json}\n`;
}

function toLines(texts: readonly string[]): string {
  return texts.map((text, i) => line(i === texts.length - 1 ? "=" : "-", text)).join("");
}

function checksum(bytes: Buffer): string {
  return crc32(bytes).toString(16).padStart(8, "0");
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
}

/** So that the new name is on the disk too. Windows knows no such thing. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
