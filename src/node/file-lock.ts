/**
 * An exclusive lock that is a file: who made it holds it.
 *
 * Law: of processes on one machine at most one holds it. A process that has ended holds nothing: the next one takes its lock away. A pid that
 * another process has by now is not told from its old owner: then the lock stays, and the error names the file.
 */

import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { UsageError, type UsageErrorCode } from "../errors.ts";

/** The error that says which process holds it. */
type Locked = (pid: number) => UsageError;

/** Files that this process holds, or is about to. */
const held = new Set<string>();

/** What the lock protects, and the code of the error where another holds it. */
export interface Protected {
  readonly what: string;
  readonly code: UsageErrorCode;
}

/**
 * Takes the lock.
 * @param path - of the lock file; what it protects is beside it.
 * @returns what gives it back.
 * @throws UsageError with the code where another holds it; what the file system says.
 */
export async function lockFile(path: string, protects: Protected): Promise<() => Promise<void>> {
  const locked = (pid: number): UsageError =>
    new UsageError(protects.code, `process ${pid} holds the ${protects.what}; its lock is ${path}`);
  if (held.has(path)) throw locked(process.pid);
  held.add(path);
  try {
    await take(path, locked);
  } catch (error) {
    held.delete(path);
    throw error;
  }
  return async () => {
    await rm(path, { force: true });
    held.delete(path);
  };
}

async function take(path: string, locked: Locked): Promise<void> {
  const own = `${path}.${process.pid}`;
  await writeFile(own, `${process.pid}\n`);
  try {
    // A link fails where the name is taken, and has the pid in it from its first moment.
    while (!(await tried(() => link(own, path), "EEXIST"))) await takeAway(path, locked);
  } finally {
    await rm(own, { force: true });
  }
}

/** Takes the lock of a process that has ended out of the way. */
async function takeAway(path: string, locked: Locked): Promise<void> {
  const old = await ownerOf(path);
  if (old === undefined) return;
  if (isAlive(old)) throw locked(old);
  const aside = `${path}.${process.pid}.old`;
  if (!(await tried(() => rename(path, aside), "ENOENT"))) return;
  const taken = await ownerOf(aside);
  // Somebody was quicker, and this is the lock of a process that lives: it gets it back, unless a third one holds it by now.
  if (taken !== undefined && taken !== old && isAlive(taken)) await tried(() => link(aside, path), "EEXIST");
  await rm(aside, { force: true });
}

/** The pid in a lock file; 0 where there is none in it; undefined where the file is gone. */
async function ownerOf(path: string): Promise<number | undefined> {
  const read: string[] = [];
  if (!(await tried(async () => void read.push(await readFile(path, "utf8")), "ENOENT"))) return undefined;
  const pid = Number(read.join("").trim());
  return Number.isSafeInteger(pid) && pid > 0 ? pid : 0;
}

function isAlive(pid: number): boolean {
  if (pid === 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Of another user, but there.
    return codeOf(error) === "EPERM";
  }
}

/** @returns whether it was done; false where it failed with this code. */
async function tried(act: () => Promise<void>, code: string): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    if (codeOf(error) === code) return false;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
