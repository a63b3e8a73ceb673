/** What an upgrade request must be before a WebSocket is made of it (TRN-2, TRN-7, TRN-8, AUT-2): judged in one place, told as an HTTP status. */

import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { isOriginAllowed } from "./origin.ts";

/** Why an upgrade is refused. */
export interface Refusal {
  readonly status: 400 | 403 | 404 | 429 | 503;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a server takes. */
export interface UpgradeRules {
  readonly origins: readonly string[] | undefined;
  readonly subprotocols: readonly string[];
}

/** The path that a request names. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? "").split("?", 1)[0] ?? "";
}

/** @returns the subprotocol: the first of the client's that is spoken here; or why there is no upgrade. */
export function judgeUpgrade(request: IncomingMessage, rules: UpgradeRules): string | Refusal {
  const query = (request.url ?? "").slice(pathOf(request).length + 1);
  // Before all else that is about the request: a token in a URL is to be noticed, not to work by chance.
  for (const name of new URLSearchParams(query).keys())
    if (/^(access_)?token$/i.test(name)) return { status: 400, message: "a token must not stand in a URL (AUT-2)" };
  if (request.method !== "GET" || request.headers.upgrade?.toLowerCase() !== "websocket")
    return { status: 400, message: "not an upgrade to a WebSocket" };
  if (!isOriginAllowed(request.headers.origin, request.headers.host, rules.origins))
    return { status: 403, message: "this origin is not allowed (TRN-8)" };
  const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
  const chosen = offered.find((name) => rules.subprotocols.includes(name));
  return chosen ?? { status: 400, message: `offer one of these subprotocols (TRN-2): ${rules.subprotocols.join(", ")}` };
}

/** Answers with a status, and closes. The socket MUST have a listener for errors: a peer that is gone already is none of its own. */
export function refuse(socket: Duplex, { status, message, headers }: Refusal): void {
  const body = `${message}\n`;
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Connection: close",
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.once("finish", () => socket.destroy());
  socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
}
