/**
 * Registries, announcements and claims in Redis. Law: what a relay follows it has as a picture of its own, from which values go after their
 * time, with their key, or with the relay that set them, whoever notices that first; each change of the picture is told.
 */

import type { Announcement, BrokerSink, RegistryValue } from "../../relay/broker.ts";
import { MemoryRegistry } from "../../relay/memory-registry.ts";
import type { Clock } from "../../session/host.ts";
import { createFrame, decodeFrame } from "../../wire/codec.ts";
import { type Argument, LostError, type RedisConnection, type Reply } from "./connection.ts";
import { bodyBytes } from "./entries.ts";
import { tagOf } from "./keys.ts";
import type { ScriptName } from "./scripts.ts";

export interface TopicsHost {
  readonly connection: RedisConnection;
  readonly clock: Clock;
  readonly sink: BrokerSink;
  readonly prefix: string;
  readonly linkId: string;
  onFault(error: unknown): void;
}

/** A value as Redis holds it. */
interface Kept {
  readonly value: RegistryValue;
  /** The relay that set it. */
  readonly owner: string;
  /** When it goes, in ms since 1970; 0: not by itself. */
  readonly endsAtMs: number;
}

/** What is told on the channel of a topic. */
type Told =
  | { readonly type: "put"; readonly key: string; readonly kept: Kept }
  | { readonly type: "remove"; readonly key: string }
  | { readonly type: "announce"; readonly announcement: Announcement };

/** What a relay follows. */
interface Followed {
  readonly listener: (message: Buffer) => void;
  /** Whose each key is, and what stands there. */
  readonly kept: Map<string, Kept>;
  /** Resolves when what stood there before is in it. */
  loaded: Promise<void>;
}

/** Ms: a relay counts as ended that has not said for as long that it lives; how often it says so; least life of a registry. */
const livesFor = 30_000;
const saysEvery = 10_000;
const registryLives = 8 * 24 * 3_600_000;

export class RedisTopics {
  readonly #host: TopicsHost;
  readonly #followed = new Map<string, Followed>();
  /** Times of values run here. */
  readonly #picture: MemoryRegistry;
  /** What this relay has set, by topic and key: it is set again where Redis has lost it. */
  readonly #own = new Map<string, Map<string, Kept>>();
  #timer: unknown;
  #state: "open" | "ended" = "open";

  constructor(host: TopicsHost) {
    this.#host = host;
    this.#picture = new MemoryRegistry(host.clock, (topic, key, value) => {
      const followed = this.#followed.get(topic);
      if (value === undefined) followed?.kept.delete(key);
      if (followed !== undefined) host.sink.changed(topic, key, value);
    });
    this.#say();
  }

  /** Redis is there again: what it has lost is set again, and what was missed is told. */
  up(): void {
    this.#call("live", aliveKeys(this.#host.prefix, this.#host.linkId), [String(livesFor)]);
    this.#forgetPast();
    for (const [topic, keys] of this.#own) for (const [key, kept] of keys) this.#put(topic, key, kept);
    for (const [topic, followed] of this.#followed) {
      this.#load(topic).then((found) => {
        if (this.#followed.get(topic) !== followed) return;
        for (const key of [...followed.kept.keys()]) if (!found.has(key)) this.#picture.remove(topic, key);
        for (const [key, kept] of found)
          if (JSON.stringify(followed.kept.get(key)) !== JSON.stringify(kept)) this.#show(topic, key, kept);
      }, this.#host.onFault);
    }
  }

  async follow(topic: string): Promise<ReadonlyMap<string, RegistryValue>> {
    await (this.#followed.get(topic) ?? this.#following(topic)).loaded;
    return this.#picture.list(topic);
  }

  #following(topic: string): Followed {
    const followed: Followed = {
      listener: (message) => this.#hear(topic, message),
      kept: new Map(),
      loaded: Promise.resolve(),
    };
    this.#followed.set(topic, followed);
    followed.loaded = this.#begin(topic, followed);
    return followed;
  }

  async #begin(topic: string, followed: Followed): Promise<void> {
    try {
      await this.#host.connection.subscribe(this.#channel(topic), followed.listener);
      const found = await this.#load(topic);
      if (this.#followed.get(topic) !== followed) return;
      for (const [key, kept] of found) if (!followed.kept.has(key)) this.#show(topic, key, kept);
    } catch (error) {
      if (this.#followed.get(topic) === followed) this.unfollow(topic);
      throw error;
    }
  }

  unfollow(topic: string): void {
    const followed = this.#followed.get(topic);
    if (followed === undefined) return;
    this.#followed.delete(topic);
    this.#host.connection.unsubscribe(this.#channel(topic), followed.listener);
    for (const key of this.#picture.list(topic).keys()) this.#picture.remove(topic, key);
  }

  put(topic: string, key: string, value: RegistryValue, ttlMs: number | undefined): void {
    const endsAtMs = ttlMs === undefined ? 0 : this.#host.clock.wall() + ttlMs;
    const kept: Kept = { value, owner: this.#host.linkId, endsAtMs };
    const own = this.#own.get(topic) ?? new Map<string, Kept>();
    this.#own.set(topic, own.set(key, kept));
    this.#put(topic, key, kept);
  }

  remove(topic: string, key: string): void {
    this.#forget(topic, key);
    this.#removeFrom(topic, key, "");
  }

  announce(topic: string, announcement: Announcement): void {
    this.#call("announce", this.#keys(topic), [toJson({ type: "announce", announcement })]);
  }

  async claim(topic: string, session: string, attempt: number): Promise<boolean> {
    const told = toJson({ type: "announce", announcement: { type: "takeover", session, attempt } });
    return (await this.#host.connection.call("claim", this.#keys(topic), [session, String(attempt), told])) === 1;
  }

  release(topic: string, session: string, attempt: number): void {
    this.#call("release", this.#keys(topic), [session, String(attempt)]);
  }

  end(): void {
    this.#state = "ended";
    this.#host.clock.clearTimer(this.#timer);
    for (const [topic, keys] of this.#own) {
      for (const [key, kept] of keys) if (kept.value.type !== "seen") this.#removeFrom(topic, key, JSON.stringify(kept));
    }
    this.#call("end", aliveKeys(this.#host.prefix, this.#host.linkId), []);
    for (const topic of [...this.#followed.keys()]) this.unfollow(topic);
  }

  #put(topic: string, key: string, kept: Kept): void {
    const leftMs = kept.endsAtMs === 0 ? 0 : kept.endsAtMs - this.#host.clock.wall();
    const lives = String(Math.max(registryLives, Math.ceil(leftMs)));
    this.#call("put", this.#keys(topic), [key, JSON.stringify(kept), lives, toJson({ type: "put", key, kept })]);
  }

  /** What this relay has set and has gone by its time is not set again. */
  #forgetPast(): void {
    const now = this.#host.clock.wall();
    for (const [topic, keys] of this.#own) {
      for (const [key, { endsAtMs }] of keys) if (endsAtMs !== 0 && endsAtMs <= now) this.#forget(topic, key);
    }
  }

  #forget(topic: string, key: string): void {
    const own = this.#own.get(topic);
    own?.delete(key);
    if (own?.size === 0) this.#own.delete(topic);
  }

  /** @param json - what has to stand there; empty: anything. */
  #removeFrom(topic: string, key: string, json: string): void {
    this.#call("remove", this.#keys(topic), [key, json, toJson({ type: "remove", key })]);
  }

  async #load(topic: string): Promise<ReadonlyMap<string, Kept>> {
    const reply = (await this.#host.connection.call("topic", this.#keys(topic), [])) as Buffer[];
    const found = new Map<string, Kept>();
    for (let i = 0; i + 1 < reply.length; i += 2) {
      const [key, json] = [String(reply[i]), String(reply[i + 1])];
      const kept = JSON.parse(json) as Kept;
      if (kept.endsAtMs === 0 || kept.endsAtMs > this.#host.clock.wall()) found.set(key, kept);
      else this.#removeFrom(topic, key, json);
    }
    return found;
  }

  #show(topic: string, key: string, kept: Kept): void {
    this.#followed.get(topic)?.kept.set(key, kept);
    const ttlMs = kept.endsAtMs === 0 ? undefined : Math.max(0, kept.endsAtMs - this.#host.clock.wall());
    this.#picture.put(this, topic, key, kept.value, ttlMs);
  }

  #hear(topic: string, message: Buffer): void {
    if (!this.#followed.has(topic)) return;
    const told = fromJson(message.toString());
    if (told.type === "put") this.#show(topic, told.key, told.kept);
    else if (told.type === "remove") this.#picture.remove(topic, told.key);
    else this.#host.sink.announced(topic, told.announcement);
  }

  /** That this relay lives; and looks whether others do. */
  #say(): void {
    if (this.#state === "ended") return;
    this.#timer = this.#host.clock.setTimer(saysEvery, () => this.#say());
    this.#forgetPast();
    if (!this.#host.connection.isUp) return;
    this.#call("live", aliveKeys(this.#host.prefix, this.#host.linkId), [String(livesFor)]);
    const owners = new Set([...this.#followed.values()].flatMap(({ kept }) => [...kept.values()].map(({ owner }) => owner)));
    owners.delete(this.#host.linkId);
    for (const owner of owners) {
      this.#host.connection.call("lives", aliveKeys(this.#host.prefix, owner), []).then((lives) => {
        if (lives === 0) this.#bury(owner);
      }, this.#host.onFault);
    }
  }

  /** A relay has ended without a word: what it set goes, but when users were last seen. */
  #bury(owner: string): void {
    for (const [topic, { kept }] of this.#followed) {
      for (const [key, value] of [...kept]) {
        if (value.owner !== owner || value.value.type === "seen") continue;
        this.#removeFrom(topic, key, JSON.stringify(value));
        this.#picture.remove(topic, key);
      }
    }
  }

  #channel(topic: string): string {
    return `${tagOf(this.#host.prefix, topic)}:topic`;
  }

  #keys(topic: string): readonly string[] {
    const tag = tagOf(this.#host.prefix, topic);
    return [`${tag}:registry`, `${tag}:topic`, `${tag}:claims`];
  }

  /** What is not done while Redis is away is done again, or nobody waits for it. */
  #call(script: ScriptName, keys: readonly string[], args: readonly Argument[]): void {
    this.#host.connection.call(script, keys, args).catch((error: unknown): Reply => {
      if (!(error instanceof LostError)) this.#host.onFault(error);
      return null;
    });
  }
}

function aliveKeys(prefix: string, linkId: string): readonly string[] {
  return [`${tagOf(prefix, linkId)}:relay`];
}

/** The content of a signal as its bytes. */
function toJson(told: Told): string {
  if (told.type !== "announce" || told.announcement.type !== "signal") return JSON.stringify(told);
  const { content, ...rest } = told.announcement;
  return JSON.stringify({ ...told, announcement: { ...rest, content: bodyBytes(content).toString("base64") } });
}

function fromJson(json: string): Told {
  const told = JSON.parse(json) as Told;
  if (told.type !== "announce" || told.announcement.type !== "signal") return told;
  const bytes = Buffer.from(told.announcement.content as unknown as string, "base64");
  const { body } = bytes.length === 0 ? createFrame("chat", {}) : decodeFrame(bytes, { verbatim: "keep" });
  return { ...told, announcement: { ...told.announcement, content: body.case === "chat" ? body.value.content : undefined } };
}
