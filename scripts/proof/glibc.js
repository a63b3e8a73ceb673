// @ts-check
/**
 * A newer glibc for programs that want one, beside the machine's own: taken from Debian's packages, unpacked into a scratch folder, and
 * never installed. The machine's own apt configuration is read (sources, keys, proxies), and not changed.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./generate.js";

/** The release whose glibc is taken; one that is as new has no need of this module. */
const release = "trixie";
const packages = ["libc6", "libstdc++6", "libgcc-s1"];
const cache = join(root, "node_modules/.cache/chappe-proof");

/** It cannot be had on this machine; the message is one line that says why. */
export class Unavailable extends Error {}

/**
 * How to start a program: as it is where the machine's own loader can load what `probe` needs, else through a newer one.
 *
 * @param {readonly string[]} probe a command that ends without a word about GLIBC where the machine's own is new enough
 * @returns {string[]} what to put before the program's path
 */
export function launcher(probe) {
  const [command = "", ...args] = probe;
  const { error, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (error === undefined && !/GLIBC(XX)?_[\d.]+' not found/.test(stderr)) return [];
  const libraries = join(glibc(), "usr/lib/x86_64-linux-gnu");
  return [join(libraries, "ld-linux-x86-64.so.2"), "--library-path", libraries];
}

/** The folder into which the packages are unpacked. */
function glibc() {
  const folder = join(cache, release);
  if (existsSync(folder)) return folder;
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Unavailable(`a newer glibc can be had for Linux on x64 alone, not for ${process.platform} on ${process.arch}`);
  const work = join(cache, `work-${process.pid}`);
  try {
    mkdirSync(join(work, "lists/partial"), { recursive: true });
    mkdirSync(join(work, "archives/partial"), { recursive: true });
    mkdirSync(join(work, "unpacked"));
    writeFileSync(join(work, "sources.list"), `${sources().join("\n")}\n`);
    const options = [
      `Dir::Etc::SourceList=${join(work, "sources.list")}`,
      "Dir::Etc::SourceParts=/dev/null",
      `Dir::State::Lists=${join(work, "lists")}`,
      `Dir::Cache=${work}`,
      "APT::Sandbox::User=",
      "Acquire::Languages=none",
      "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
      "Acquire::IndexTargets::deb::CNF::DefaultEnabled=false",
      "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false",
    ].flatMap((option) => ["-o", option]);
    call(work, "apt-get", ...options, "-qq", "update");
    call(work, "apt-get", ...options, "-qq", "download", ...packages);
    const archives = readdirSync(work).filter((name) => name.endsWith(".deb"));
    for (const archive of archives) call(work, "dpkg", "-x", archive, "unpacked");
    rmSync(folder, { recursive: true, force: true });
    renameSync(join(work, "unpacked"), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}

/** Runs a program of Debian's. @param {string} cwd @param {string} command @param {readonly string[]} args */
function call(cwd, command, ...args) {
  const { error, status, stderr } = spawnSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
  if (error !== undefined) throw new Unavailable(`a newer glibc cannot be had: ${error.message}`);
  if (status === 0) return;
  const why = stderr.split("\n").find((line) => line.startsWith("E:")) ?? `exit code ${status}`;
  throw new Unavailable(`a newer glibc cannot be had: ${command}: ${why}`);
}

/** The machine's own sources for its release, for the newer one instead, in apt's form of one line each. */
function sources() {
  const own = /^VERSION_CODENAME=(\S+)$/m.exec(existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "")?.[1];
  const format = "$(REPO_URI) $(RELEASE) $(COMPONENT)";
  let targets = "";
  try {
    targets = execFileSync("apt-get", ["indextargets", "--format", format, "Created-By: Packages"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch (error) {
    throw new Unavailable("a newer glibc cannot be had: this machine has no apt-get", { cause: error });
  }
  const lines = targets.split("\n").flatMap((line) => {
    const [uri, suite, component] = line.split(" ");
    if (own === undefined || suite === undefined || (suite !== own && !suite.startsWith(`${own}-`))) return [];
    return [`deb ${uri} ${suite.replace(own, release)} ${component}`];
  });
  if (lines.length === 0) throw new Unavailable("a newer glibc cannot be had: apt has no sources of this machine's release");
  return [...new Set(lines)];
}
