/** Settings of a client. */

import { UsageError } from "../errors.ts";
import type { ClientSessionOptions } from "../session/client-options.ts";
import type { Clock, Random } from "../session/host.ts";
import type { Frame } from "../wire/codec.ts";
import type { OutboxStorage } from "./storage.ts";
import type { Connect, WebSocketConstructor } from "./transport.ts";

/** A frame that passes, for people who look on. */
export interface ObservedFrame {
  readonly direction: "in" | "out";
  readonly frame: Frame;
  /** Bytes of its binary form. */
  readonly bytes: number;
  /** Ms since 1970. */
  readonly atMs: number;
}

/** Settings of a client. */
export interface ClientOptions extends Partial<Omit<ClientSessionOptions, "observe" | "wall" | "random" | "byteStream">> {
  /** `ws://` or `wss://`. A token has no place in it (AUT-2). */
  readonly url: string;
  /** What authentication wants; or a function that gets it, called whenever a fresh one is wanted. */
  readonly token?: string | (() => string | Promise<string>);
  /** Whether a token may go to another machine over `ws://`, for anyone on the way to read (TRN-10). */
  readonly insecure?: "refuse" | "allow";
  /** By default the platform's WebSocket. */
  readonly webSocket?: WebSocketConstructor;
  /** Any other transport, in the place of a WebSocket. */
  readonly connect?: Connect;
  /** By default in memory. */
  readonly storage?: OutboxStorage;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly onFrame?: (observed: ObservedFrame) => void;
}

/** This machine, as URLs name it (RFC 6761, RFC 5735, RFC 4291). */
const loopback = /^ws:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\])(?=[:/?#]|$)/i;

/** @throws UsageError OPTION_INVALID. */
export function checkUrl({ url, token, insecure = "refuse" }: ClientOptions): void {
  const invalid = (why: string) => new UsageError("OPTION_INVALID", `url: ${why}`);
  // What stands before an @ only looks like the machine that is reached.
  if (/^wss?:\/\/[^/?#]*@/i.test(url)) throw invalid("must not hold a user or a password");
  if (!/^wss?:\/\/[^/]/.test(url)) throw invalid("must begin with ws:// or wss://");
  if (/[?&](access_)?token=/i.test(url)) throw invalid("a token must not stand in a URL (AUT-2); use the option token");
  if (token !== undefined && url.startsWith("ws:") && !loopback.test(url) && insecure === "refuse") {
    throw invalid('the token would be readable on its way (TRN-10); use wss://, or allow it by insecure: "allow"');
  }
}
