/** Settings of a client; checks.ts has their ranges. */

import type { ClientSessionOptions } from "../session/client-options.ts";
import type { Clock, Random } from "../session/host.ts";
import type { Frame } from "../wire/codec.ts";
import { platformRandom, reportError } from "./platform.ts";
import type { PositionStore } from "./positions.ts";
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
  /**
   * `ws://` or `wss://`. A token has no place in it (AUT-2). A list, which is not empty: of relays that share a broker; the first attempt goes
   * to the first, and after each that ends without a welcome the next goes to the next.
   */
  readonly url: string | readonly string[];
  /** What authentication wants; or a function that gets it, called whenever a fresh one is wanted. */
  readonly token?: string | (() => string | Promise<string>);
  /** Whether a token may go to another machine over `ws://`, for anyone on the way to read (TRN-10). */
  readonly insecure?: "refuse" | "allow";
  /** The constructor of a WebSocket; by default the platform's. */
  readonly webSocket?: WebSocketConstructor;
  /** Any other transport, in the place of a WebSocket. */
  readonly connect?: Connect;
  /** By default in memory. */
  readonly storage?: OutboxStorage;
  /** Where the rooms' positions are kept, so that a join resumes after a restart; by default nowhere. */
  readonly positions?: PositionStore;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Sees every frame that passes. What it throws is thrown from a timer, as what a listener throws. */
  readonly onFrame?: (observed: ObservedFrame) => void;
}

/** What of a client's settings is the engine's. @param count - told of every frame that passes. */
export function engineOptions(
  options: ClientOptions,
  clock: Clock,
  count: (direction: "in" | "out", bytes: number) => void,
): ClientSessionOptions {
  const { url: _url, token: _token, insecure: _insecure, webSocket: _ws, connect: _connect, ...others } = options;
  const { storage: _storage, positions: _positions, clock: _clock, random = platformRandom, onFrame, ...rest } = others;
  const wall = () => clock.wall();
  const observe: ClientSessionOptions["observe"] = (direction, frame, bytes) => {
    count(direction, bytes);
    try {
      onFrame?.({ direction, frame, bytes, atMs: wall() });
    } catch (error) {
      reportError(error);
    }
  };
  return { ...rest, random, wall, observe };
}
