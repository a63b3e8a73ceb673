/**
 * What a device says of its network and of the application's life, told to a client (LIV-9): one function for each kind of device.
 *
 * Law: a device is a shape, not a module, so nothing is imported for it; who calls none of these has none of them in the bundle. Each
 * returns what ends it, and with it the pause that it has begun.
 */

import type { PauseReason } from "../session/client-life.ts";
import { check, doing } from "../session/option-rules.ts";

/** Who follows: a client. */
export interface Follower {
  pause(why: PauseReason): void;
  resume(why: PauseReason): void;
}

/** The part of a browser's `window`, or of a worker's `self`, that is used. */
export interface BrowserLike {
  readonly navigator?: { readonly onLine?: boolean };
  /** Workers have none. */
  readonly document?: {
    readonly visibilityState: string;
    addEventListener(type: "visibilitychange", listener: () => void): void;
    removeEventListener(type: "visibilitychange", listener: () => void): void;
  };
  addEventListener(type: "online" | "offline", listener: () => void): void;
  removeEventListener(type: "online" | "offline", listener: () => void): void;
}

/** The part of React Native's NetInfo (`@react-native-community/netinfo`) that is used. */
export interface NetworkLike {
  /** @returns a function that ends it. */
  addEventListener(listener: (state: { readonly isConnected: boolean | null; readonly type?: string }) => void): () => void;
}

/** The part of React Native's AppState that is used. */
export interface LifeCycleLike {
  /** `active`, `inactive`, `background`, or another word. */
  readonly currentState?: string | null;
  addEventListener(type: "change", listener: (state: string) => void): { remove(): void };
}

/**
 * Pauses a client while a browser is offline. A page that is shown again makes the client try at once, or ask whether the relay is still
 * there; one that is hidden keeps its connection.
 * @param browser - by default `globalThis`.
 * @returns a function that ends it.
 * @throws UsageError OPTION_INVALID where this is no browser.
 */
export function followBrowser(client: Follower, browser: BrowserLike = globalThis as unknown as BrowserLike): () => void {
  check(doing("addEventListener", "removeEventListener"), "browser", browser);
  const { navigator, document } = browser;
  const network = told(client, "offline");
  const shown = () => document?.visibilityState === "visible" && client.resume("background");
  browser.addEventListener("offline", network.pause);
  browser.addEventListener("online", network.resume);
  document?.addEventListener("visibilitychange", shown);
  if (navigator?.onLine === false) network.pause();
  return () => {
    browser.removeEventListener("offline", network.pause);
    browser.removeEventListener("online", network.resume);
    document?.removeEventListener("visibilitychange", shown);
    network.end();
  };
}

/**
 * Pauses a client while there is no network. Another network, or the first, makes the client try at once, or ask whether the relay is still
 * there.
 * @example `followNetwork(client, NetInfo)`
 * @returns a function that ends it.
 * @throws UsageError OPTION_INVALID.
 */
export function followNetwork(client: Follower, network: NetworkLike): () => void {
  check(doing("addEventListener"), "network", network);
  const { pause, resume, end } = told(client, "offline");
  let last: string | undefined;
  const remove = network.addEventListener(({ isConnected, type }) => {
    // It tells each change of the signal's strength too; null: it does not know yet.
    const next = isConnected === null ? last : isConnected ? `on ${type}` : "off";
    if (next === last) return;
    if (next === "off") pause();
    // The first word is what there is, not a change.
    else if (last !== undefined) resume();
    last = next;
  });
  return () => {
    remove();
    end();
  };
}

/**
 * Pauses a client while the application is in the background: what is in its outbox is sent first. `inactive`, as while a call comes in,
 * changes nothing.
 * @example `followLifeCycle(client, AppState)`
 * @returns a function that ends it.
 * @throws UsageError OPTION_INVALID.
 */
export function followLifeCycle(client: Follower, lifeCycle: LifeCycleLike): () => void {
  check(doing("addEventListener"), "lifeCycle", lifeCycle);
  const { pause, resume, end } = told(client, "background");
  const subscription = lifeCycle.addEventListener("change", (state) => {
    if (state === "background") pause();
    else if (state === "active") resume();
  });
  if (lifeCycle.currentState === "background") pause();
  return () => {
    subscription.remove();
    end();
  };
}

/** One of the reasons, told to the client. `end`: takes back what was told last. */
function told(client: Follower, why: PauseReason) {
  let isPaused = false;
  const pause = () => {
    isPaused = true;
    client.pause(why);
  };
  const resume = () => {
    isPaused = false;
    client.resume(why);
  };
  return { pause, resume, end: () => isPaused && resume() };
}
