/** A transport for messages, and the one that any object of WebSocket's shape makes. */

import type { Data } from "../session/transmit.ts";

/** What a transport tells. Nothing after `close`. */
export interface TransportEvents {
  /** The transport is open: once, before any message. `subprotocol`: the one that the relay has chosen; empty where it chose none (TRN-2). */
  open(subprotocol: string): void;
  /** A message has come, whole, in the order of sending: bytes, or the text of a text message. */
  message(data: Data): void;
  /** `code`: the WebSocket close code, 1006 where there is none. Also tells that the transport could not be opened. */
  close(code: number): void;
}

/** One connection. */
export interface Transport {
  /** Bytes that were given to `send` and are not sent yet, where it can tell (PUB-23). */
  readonly bufferedAmount?: number | undefined;
  /** Only after `open`. */
  send(data: Data): void;
  /** Closes, also while opening. MUST be passed over after the end. */
  close(code: number, reason: string): void;
}

/** Opens a transport. MUST NOT call `events` before it has returned: they throw a UsageError STATE_INVALID until then. */
export type Connect = (url: string, subprotocols: readonly string[], events: TransportEvents) => Transport;

/** The part of the WebSocket interface that is used: browsers, Node 22, React Native and `ws` have it. */
export interface WebSocketLike {
  binaryType: string;
  readonly protocol: string;
  /** As in browsers; a transport without it is taken to send at once. */
  readonly bufferedAmount?: number;
  send(data: Uint8Array | string): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
}

/** A constructor of such objects. */
export type WebSocketConstructor = new (url: string, subprotocols: string[]) => WebSocketLike;

/** A {@link Connect} by this constructor. */
export function webSocketConnect(WebSocket: WebSocketConstructor): Connect {
  return (url, subprotocols, events) => {
    const socket = new WebSocket(url, [...subprotocols]);
    socket.binaryType = "arraybuffer";
    let isOver = false;
    const over = (code: number) => {
      if (isOver) return;
      isOver = true;
      events.close(code);
    };
    socket.onopen = () => {
      if (!isOver) events.open(socket.protocol);
    };
    socket.onmessage = ({ data }: { data: unknown }) => {
      if (isOver) return;
      if (typeof data === "string") events.message(data);
      else if (data instanceof ArrayBuffer) events.message(new Uint8Array(data));
      else if (data instanceof Uint8Array) events.message(data);
    };
    socket.onclose = ({ code }: { code: number }) => over(code);
    // The close event follows, with a code; the error event says nothing that is of use.
    socket.onerror = () => undefined;
    return {
      get bufferedAmount() {
        return socket.bufferedAmount;
      },
      send: (data) => {
        if (!isOver) socket.send(data);
      },
      close: (code, reason) => {
        // The engine has moved on: a peer that does not answer the close must not hold it up (ERR-8).
        isOver = true;
        socket.close(code, reason);
      },
    };
  };
}
