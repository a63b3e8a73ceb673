// @ts-check
/**
 * The frames that are measured, as plain values that belong to no library; each adapter in `libraries/` makes its own form of them, and
 * must give them back. Numbers are at most 2^53-1 (ENC-7); ids are 16 bytes, UUIDv7 (MID-1).
 */

import { population } from "./population.js";
import { seeded } from "./random.js";
import { flat, phrase, text } from "./texts.js";

/** @typedef {{ text: string, contentType: string, headers: Record<string, string> }} Content */
/**
 * @typedef {{ room: number, offset: number, sender: string, timeMs: number, id: Uint8Array, content: Content, kind: number,
 *   target: Uint8Array, displayName: string }} Chat displayName: empty where there is no profile
 */
/** @typedef {{ room: number, firstSeq: number, offsetDeltas: number[], timeDeltas: number[] }} Ack */
/** @typedef {{ user: string, state: number, activity: string, statusText: string, lastSeenMs: number, devices: number }} PresenceMark */
/** @typedef {{ marks: PresenceMark[], snapshot: boolean }} Presence */
/** @typedef {{ room: number, marks: { user: string, ttlMs: number }[] }} Typing */
/** @typedef {{ timeMs: number }} Ping */
/**
 * @typedef {{ kind: "chat", value: Chat } | { kind: "ack", value: Ack } | { kind: "presence", value: Presence }
 *   | { kind: "typing", value: Typing } | { kind: "ping", value: Ping } | { kind: "batch", value: Frame[] }} Frame
 */
/** @typedef {"chat" | "ack" | "presence" | "typing" | "ping" | "batch10" | "batch100"} FrameName */

/** @type {readonly FrameName[]} */
export const frameNames = ["chat", "ack", "presence", "typing", "ping", "batch10", "batch100"];

/** Frames in a pool. */
export const poolSize = 256;

const epoch = Date.UTC(2026, 0, 5);

/** A maker of frames; the same seed, the same frames. @param {number} seed */
function maker(seed) {
  const random = seeded(seed);
  const { user, room } = population(random);
  let now = epoch;

  const tick = () => {
    now += random.magnitude(1, 5000);
    return now;
  };

  /** UUIDv7 of about now. */
  function id() {
    const bytes = random.bytes(16);
    const made = now - random.integer(20, 400);
    for (let i = 0; i < 6; i++) bytes[i] = Math.floor(made / 2 ** (40 - 8 * i)) % 256;
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    return bytes;
  }

  /** @returns {Record<string, string>} */
  function headers() {
    if (!random.chance(0.15)) return {};
    const some = [
      ["lang", random.pick(["en", "de", "uk", "zh-Hans", "ar", "hi"])],
      ["thread", String(random.magnitude(1, 1e6))],
      ["client", `web/${random.integer(1, 9)}.${random.integer(0, 30)}`],
      ["trace-id", Array.from(random.bytes(8), (byte) => byte.toString(16).padStart(2, "0")).join("")],
    ];
    return Object.fromEntries(
      random
        .shuffle(some)
        .slice(0, random.integer(1, 3))
        .map(([key, value]) => [key, flat(value)]),
    );
  }

  /** @returns {Frame} */
  function chat() {
    const place = room();
    const sender = user();
    const about = random.chance(0.1);
    return {
      kind: "chat",
      value: {
        room: place.handle,
        offset: ++place.head,
        sender: sender.id,
        timeMs: tick(),
        id: id(),
        content: { text: text(random), contentType: random.chance(0.06) ? "text/markdown" : "", headers: headers() },
        kind: about ? random.integer(3, 4) : 0,
        target: about ? id() : new Uint8Array(0),
        displayName: random.chance(0.2) ? sender.displayName : "",
      },
    };
  }

  /** @returns {Frame} */
  function ack() {
    const place = room();
    const count = random.chance(0.6) ? 1 : random.magnitude(2, 32);
    const following = Array.from({ length: count - 1 }, () => random.magnitude(1, 5));
    const offsetDeltas = [place.head + 1, ...following];
    place.head += 1 + following.reduce((sum, delta) => sum + delta, 0);
    const timeDeltas = [tick(), ...following.map(() => random.magnitude(1, 2000))];
    return { kind: "ack", value: { room: place.handle, firstSeq: random.magnitude(1, 100_000), offsetDeltas, timeDeltas } };
  }

  /** Different users. @param {number} count */
  const users = (count) => [...new Set(Array.from({ length: count }, user))];

  /** @returns {Frame} */
  function presence() {
    const snapshot = random.chance(0.1);
    const marks = users(snapshot ? random.integer(2, 12) : random.magnitude(1, 4)).map(({ id }) => ({
      user: id,
      state: random.integer(1, 4),
      activity: random.chance(0.4) ? random.pick(["viewing", "idle", "in-call", "editing"]) : "",
      statusText: random.chance(0.25) ? phrase(random, random.integer(1, 6)) : "",
      lastSeenMs: tick(),
      devices: random.integer(0, 3),
    }));
    return { kind: "presence", value: { marks, snapshot } };
  }

  /** @returns {Frame} */
  function typing() {
    const marks = users(random.magnitude(1, 3)).map(({ id }) => ({
      user: id,
      ttlMs: random.chance(0.3) ? 0 : random.pick([3000, 4000, 6000]),
    }));
    return { kind: "typing", value: { room: room().handle, marks } };
  }

  /** @returns {Frame} */
  const ping = () => ({ kind: "ping", value: { timeMs: tick() } });

  /** What a relay gathers for one client: chats most of all. @param {number} count @returns {Frame} */
  function batch(count) {
    const makers = { chat, ack, presence, typing };
    const one = () =>
      makers[/** @type {keyof typeof makers} */ (random.weighted({ chat: 80, typing: 8, ack: 6, presence: 6 }))]();
    return { kind: "batch", value: Array.from({ length: count }, one) };
  }

  return { chat, ack, presence, typing, ping, batch10: () => batch(10), batch100: () => batch(100) };
}

/** 256 different frames. @param {FrameName} name @param {number} [seed] */
export function pool(name, seed = 1794) {
  const make = maker(seed + frameNames.indexOf(name))[name];
  return Array.from({ length: poolSize }, make);
}
