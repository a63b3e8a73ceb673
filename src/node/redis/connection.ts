/**
 * The way to Redis: one connection for calls, one for what is told. Law: both are there, or neither counts; after one was lost it is not known
 * what became of the calls on the way (LostError); and nothing is called before it is known which server it is.
 */

import type { RedisClientType } from "redis";
import { ProtocolError, UsageError } from "../../errors.ts";
import { ChatKind, Durability } from "../../wire/codec.ts";
import { loadRedis, type RedisModule } from "../optional.ts";
import { type ScriptName, scriptNames, scriptsFor } from "./scripts.ts";

/** What a script takes and gives. */
export type Argument = string | Buffer;
export type Reply = Buffer | number | null | readonly Reply[];

/** The connection was lost: the call may have been done, or not. */
export class LostError extends Error {}

/** Ms: how often Redis is asked whether it is there, how long it may be silent, and between two attempts to reach it. */
const askEveryMs = 3000;
const silentMs = 5000;
const againMs = 200;
/** Ms that the end waits for what was called. */
const closeMs = 1000;

export class RedisConnection {
  readonly #module: RedisModule;
  readonly #url: string;
  readonly #onFault: (error: unknown) => void;
  readonly #watchers = new Set<() => void>();
  readonly #channels = new Map<string, Set<(message: Buffer) => void>>();
  /** Changes of channels on their way. */
  readonly #turns = new Map<string, Promise<void>>();
  /** Channels that this connection is subscribed to. */
  readonly #live = new Set<string>();
  #clients: readonly [calls: RedisClientType, told: RedisClientType] | undefined;
  #shas: ReadonlyMap<ScriptName, string> = new Map();
  #server = "";
  #durability: Durability = Durability.MEMORY;
  #state: "down" | "up" | "closed" = "down";
  #timer: NodeJS.Timeout | undefined;

  private constructor(module: RedisModule, url: string, onFault: (error: unknown) => void) {
    this.#module = module;
    this.#url = url;
    this.#onFault = onFault;
  }

  /** @throws UsageError DEPENDENCY_MISSING; STORE_UNUSABLE where there is no Redis from version 7 on at the address. */
  static async open(url: string, onFault: (error: unknown) => void): Promise<RedisConnection> {
    const connection = new RedisConnection(await loadRedis(), url, onFault);
    try {
      await connection.#connect();
    } catch (error) {
      await connection.close();
      if (error instanceof UsageError) throw error;
      throw new UsageError("STORE_UNUSABLE", `Redis cannot be reached: ${reasonOf(error)}`, error);
    }
    return connection;
  }

  get isUp(): boolean {
    return this.#state === "up";
  }

  /** Another one: it may have lost the latest. */
  get server(): string {
    return this.#server;
  }

  /** What is written there means (ACK-2). */
  get durability(): Durability {
    return this.#durability;
  }

  /** Calls back whenever calls can be made again. @returns what ends that. */
  onUp(callback: () => void): () => void {
    this.#watchers.add(callback);
    return () => void this.#watchers.delete(callback);
  }

  /** Runs a script. Calls about the same keys are run in the order in which they are made. Rejects with UNAVAILABLE where nothing was done; with a LostError. */
  call(script: ScriptName, keys: readonly string[], args: readonly Argument[]): Promise<Reply> {
    const client = this.#clients?.[0];
    const sha = this.#shas.get(script);
    if (this.#state !== "up" || client === undefined || sha === undefined)
      return Promise.reject(unavailable("Redis is not there"));
    const { BLOB_STRING } = this.#module.RESP_TYPES;
    const options = { typeMapping: { [BLOB_STRING]: Buffer } };
    const command = ["EVALSHA", sha, String(keys.length), ...keys, ...args];
    return client.sendCommand<Reply>(command, options as object).catch((error: unknown) => {
      if (!(error instanceof this.#module.ErrorReply)) throw new LostError("the connection to Redis was lost");
      this.#onFault(error);
      // Somebody has emptied its scripts: they are there again with the next connection.
      if (error.message.startsWith("NOSCRIPT")) this.#lose(client, error);
      throw unavailable(`Redis refuses: ${error.message}`);
    });
  }

  /** What is told on a channel comes to the listener, until `unsubscribe`. Resolves when it does; after a connection was lost it does again. */
  subscribe(channel: string, listener: (message: Buffer) => void): Promise<void> {
    const listeners = this.#channels.get(channel);
    if (listeners === undefined) this.#channels.set(channel, new Set([listener]));
    else listeners.add(listener);
    return this.#turn(channel);
  }

  unsubscribe(channel: string, listener: (message: Buffer) => void): void {
    const listeners = this.#channels.get(channel);
    if (listeners?.delete(listener) !== true || listeners.size > 0) return;
    this.#channels.delete(channel);
    // Where Redis is away there is nothing to end.
    this.#turn(channel).catch(() => undefined);
  }

  /** One change of a channel after the other: the client mixes them up where they overlap. */
  #turn(channel: string): Promise<void> {
    const turn = (this.#turns.get(channel) ?? Promise.resolve()).catch(() => undefined).then(() => this.#bring(channel));
    this.#turns.set(channel, turn);
    const rest = (): void => {
      if (this.#turns.get(channel) === turn) this.#turns.delete(channel);
    };
    turn.then(rest, rest);
    return turn;
  }

  /** Subscribes where there are listeners, and only there. */
  async #bring(channel: string): Promise<void> {
    const client = this.#clients?.[1];
    if (this.#state !== "up" || client === undefined) throw unavailable("Redis is not there");
    const isWanted = this.#channels.has(channel);
    if (isWanted === this.#live.has(channel)) return;
    try {
      if (isWanted) await this.#listen(client, channel);
      else {
        this.#live.delete(channel);
        await client.sUnsubscribe(channel);
      }
    } catch (error) {
      this.#lose(client, error);
      throw unavailable("Redis is not there");
    }
  }

  /** Ends, once what was called is done; a server that does not answer is not waited for. */
  async close(): Promise<void> {
    if (this.#state === "closed") return;
    const clients = this.#clients ?? [];
    this.#state = "closed";
    clearTimeout(this.#timer);
    let late: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      late = setTimeout(resolve, closeMs);
    });
    const ended = Promise.allSettled(clients.map((client) => (client.isReady ? client.close() : undefined)));
    await Promise.race([ended, deadline]);
    clearTimeout(late);
    this.#drop();
  }

  async #listen(client: RedisClientType, channel: string): Promise<void> {
    const tell = (message: Buffer): void => {
      for (const listener of this.#channels.get(channel) ?? []) listener(message);
    };
    await client.sSubscribe(channel, tell, true);
    if (this.#clients?.[1] === client) this.#live.add(channel);
  }

  async #connect(): Promise<void> {
    const options = {
      url: this.#url,
      disableOfflineQueue: true,
      socket: { reconnectStrategy: false as const, connectTimeout: silentMs },
    };
    const clients = [this.#module.createClient(options), this.#module.createClient(options)] as unknown as [
      RedisClientType,
      RedisClientType,
    ];
    this.#clients = clients;
    for (const client of clients) client.on("error", (error: unknown) => this.#lose(client, error));
    const [calls, told] = clients;
    const late = setTimeout(() => this.#lose(calls, new LostError("Redis does not answer")), silentMs);
    try {
      await this.#greet(calls, told);
    } finally {
      clearTimeout(late);
    }
    if (this.#clients !== clients || this.#state === "closed") throw new LostError("the connection to Redis was lost");
    this.#state = "up";
    // What was given up meanwhile.
    for (const channel of this.#live) if (!this.#channels.has(channel)) this.#turn(channel).catch(() => undefined);
    for (const callback of [...this.#watchers]) callback();
    this.#ask(calls);
  }

  /** Learns which server it is, and gives it the scripts. */
  async #greet(calls: RedisClientType, told: RedisClientType): Promise<void> {
    await Promise.all([calls.connect(), told.connect()]);
    const info = await calls.info();
    const field = (name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1] ?? "";
    const version = field("redis_version");
    if (Number.parseInt(version, 10) < 7) throw new UsageError("STORE_UNUSABLE", `Redis has version ${version}: 7 is the least`);
    const kinds = [ChatKind.UNSPECIFIED, ChatKind.EDIT, ChatKind.REDACTION, ChatKind.REACTION, ChatKind.TOMBSTONE, ChatKind.VOID];
    const scripts = scriptsFor(kinds);
    const shas = await Promise.all(scriptNames.map(async (name) => [name, await calls.scriptLoad(scripts[name])] as const));
    await Promise.all([...this.#channels.keys()].map((channel) => this.#listen(told, channel)));
    this.#shas = new Map(shas);
    this.#server = field("run_id");
    this.#durability = field("aof_enabled") === "1" ? Durability.BUFFERED : Durability.MEMORY;
  }

  /** A server that says nothing is lost, be its connection open or not. */
  #ask(client: RedisClientType): void {
    this.#timer = setTimeout(() => {
      const silent = setTimeout(() => this.#lose(client, new LostError("Redis does not answer")), silentMs);
      silent.unref();
      client.ping().then(
        () => {
          clearTimeout(silent);
          if (this.#clients?.[0] === client && this.#state === "up") this.#ask(client);
        },
        (error: unknown) => {
          clearTimeout(silent);
          this.#lose(client, error);
        },
      );
    }, askEveryMs);
    this.#timer.unref();
  }

  #lose(client: RedisClientType, error: unknown): void {
    if (this.#clients?.includes(client) !== true || this.#state === "closed") return;
    const wasUp = this.#state === "up";
    this.#drop();
    if (!wasUp) return;
    this.#onFault(error);
    this.#again();
  }

  #again(): void {
    clearTimeout(this.#timer);
    if (this.#state === "closed") return;
    this.#timer = setTimeout(() => {
      this.#connect().catch((error: unknown) => {
        this.#onFault(error);
        this.#drop();
        this.#again();
      });
    }, againMs);
    this.#timer.unref();
  }

  #drop(): void {
    const clients = this.#clients ?? [];
    this.#clients = undefined;
    this.#live.clear();
    if (this.#state === "up") this.#state = "down";
    for (const client of clients) if (client.isOpen) client.destroy();
  }
}

export function unavailable(message: string): ProtocolError {
  return new ProtocolError("UNAVAILABLE", message);
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return String(message || code);
}
