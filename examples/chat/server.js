#!/usr/bin/env node
// @ts-check
/**
 * The chat page and its relay, on one address.
 *
 *   node examples/chat/server.js [--port 7900]
 *
 * A demo: the token is the name that the user has chosen, and anybody may choose any name. It listens on this machine alone.
 */

import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ProtocolError } from "chappe";
import { attachRelay, nodeClock, nodeRandom } from "chappe/node";
import { MemoryBroker, Relay } from "chappe/relay";
import sirv from "sirv";

const host = "127.0.0.1";
const defaultPort = 7900;
const page = join(fileURLToPath(import.meta.url), "../dist");

/** Nothing but the page's own files, and nothing that would make markup or code of a text. */
const headers = {
  "Content-Security-Policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self' ws: wss:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "Cross-Origin-Opener-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

/** One line, and the exit code for a call that cannot work. @param {string} message @returns {never} */
function refuse(message) {
  console.error(message);
  process.exit(2);
}

/** @returns {number} */
function portOf() {
  let text;
  try {
    const { values } = parseArgs({ options: { port: { type: "string" } } });
    text = values.port ?? process.env["PORT"] ?? String(defaultPort);
  } catch (error) {
    refuse(error instanceof Error ? error.message : String(error));
  }
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535) refuse(`The port must be a number from 0 to 65535, not "${text}".`);
  return port;
}

/**
 * The name is the token; names that differ in case alone are one user.
 * @param {{ token: string }} credentials
 */
function authenticate({ token }) {
  const name = token.normalize("NFC").trim().replace(/\s+/g, " ");
  if (name.length < 1 || name.length > 32 || /\p{C}/u.test(name)) {
    throw new ProtocolError("UNAUTHENTICATED", "a name has 1 to 32 characters");
  }
  return { user: name.toLowerCase(), profile: { displayName: name } };
}

if (!existsSync(join(page, "index.html"))) refuse("The chat page is not built yet: run npm start, or npm run build.");
const port = portOf();
const clock = nodeClock();
const broker = new MemoryBroker({ clock, random: nodeRandom, retention: { maxEntries: 1000 } });
const relay = new Relay({ broker, clock, random: nodeRandom, authenticate });
// In its other mode it remembers the files as they were at the start, and cuts one that was built again.
const files = sirv(page, { dev: true });

const server = createServer((request, response) => {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  files(request, response, () => {
    response.writeHead(404, { "Content-Type": "text/plain" });
    response.end("There is no such page.\n");
  });
});
server.on("error", (error) => {
  const isTaken = "code" in error && error.code === "EADDRINUSE";
  refuse(isTaken ? `Port ${port} is in use: choose another with --port.` : `Cannot listen on port ${port}: ${error.message}`);
});
const attached = await attachRelay(server, relay);
server.listen(port, host, () => {
  const address = server.address();
  const actual = typeof address === "object" && address !== null ? address.port : port;
  const own = actual === defaultPort ? "" : ` --url ws://${host}:${actual}/`;
  console.log(`Chat page: http://${host}:${actual}/`);
  console.log(`From a terminal: npx chappe chat lobby --user NAME${own}`);
});

let isStopping = false;
/** The relay says goodbye, and what is owed is sent, before the process ends. */
async function stop() {
  if (isStopping) return;
  isStopping = true;
  attached.stopAccepting();
  await relay.drain({ drainMs: 5000, afterMinMs: 500, afterMaxMs: 3000 });
  relay.close();
  attached.detach();
  server.close(() => process.exit(0));
  server.closeAllConnections();
}
process.on("SIGINT", stop);
process.on("SIGTERM", stop);
