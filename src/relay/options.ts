/** What a relay is made with: checked once, each wrong value by its name. */

import { type ErrorCodeName, UsageError } from "../errors.ts";
import type { ContentInput } from "../session/client-convert.ts";
import type { DetailName, MessageContent, MessageKind, RightName } from "../session/client-events.ts";
import type { Clock, Random } from "../session/host.ts";
import type { ServerTimes } from "../session/server-options.ts";
import type { Init, Profile } from "../wire/codec.ts";
import {
  clientFrameBytes,
  defaultRelayLimits,
  defaultTimes,
  producerRing,
  relayFrameBytes,
  type SessionLimits,
} from "../wire/limits.ts";
import type { Broker, MaybePromise } from "./broker.ts";

/** Who authentication says the client is (AUT-1). */
export interface Principal {
  /** User id: 1 to 256 bytes of UTF-8. */
  readonly user: string;
  /** How the user is shown (AUT-9). */
  readonly profile?: Init<Profile> | undefined;
  /** For how long the token holds from now on, in ms; 0 or absent: it does not expire (AUT-4). */
  readonly expiresInMs?: number | undefined;
}

/** What is known of a client that wants to talk. */
export interface Credentials {
  /** Empty: what the upgrade request carried counts. MUST NOT be logged (AUT-2). */
  readonly token: string;
  /** Name and version of the client. */
  readonly agent: string;
  /** Of the upgrade request, names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

/** A publish, before it is stored. */
export interface PublishAttempt {
  readonly room: string;
  /** Text form (MID-5). */
  readonly id: string;
  readonly kind: MessageKind;
  readonly content: MessageContent | undefined;
  readonly target: string | undefined;
}

/** What the application makes of a publish: undefined takes it as it is. */
export type PublishVerdict =
  | { readonly content: ContentInput }
  /** A final rejection (PUB-11): REJECTED, with a message for people. */
  | { readonly reject: string }
  | undefined;

/** An event of the application, from a client (SIG-2). */
export interface ApplicationSignal {
  readonly name: string;
  readonly content: MessageContent | undefined;
}

/** Where a relay writes what happens. `fields` hold no token and no content. */
export interface Logger {
  debug(event: string, fields: Readonly<Record<string, unknown>>): void;
  info(event: string, fields: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields: Readonly<Record<string, unknown>>): void;
  error(event: string, fields: Readonly<Record<string, unknown>>): void;
}

export interface RelayOptions {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly random: Random;
  /**
   * Who is it? Throw, or reject with, a ProtocolError UNAUTHENTICATED or TOKEN_EXPIRED where the token is not accepted; any other error
   * is UNAVAILABLE to the client, and logged. Called for hello and for refresh.
   */
  readonly authenticate: (credentials: Credentials) => MaybePromise<Principal>;
  /**
   * What may the principal do in this room? Undefined or nothing: as if the room did not exist (AUT-7). By default everything but redacting
   * others' entries, where the name does not begin with "@"; of those, "@" and the own user id alone, an inbox (ROM-2).
   */
  readonly authorize?: (principal: Principal, room: string) => MaybePromise<readonly RightName[] | undefined>;
  /** Takes, rewrites or rejects a publish before it is stored. SHOULD be quick: the connection waits. What it throws is a retryable UNAVAILABLE. */
  readonly onPublish?: (principal: Principal, publish: PublishAttempt) => PublishVerdict;
  /** A signal to the application (SIG-2). */
  readonly onSignal?: (principal: Principal, signal: ApplicationSignal) => void;
  /** Whether a principal may see a user's presence (PRS-6). By default everyone sees everyone. */
  readonly maySee?: (principal: Principal, user: string) => boolean;
  /** How much of members and receipts is told in a room (MBR-2); by default all up to `detailBound` members, then counts. */
  readonly details?: (room: string) => { readonly receipts?: DetailName; readonly roster?: DetailName } | undefined;
  /** 1 to 255; 64 by default. */
  readonly detailBound?: number;
  readonly limits?: Partial<SessionLimits>;
  readonly times?: Partial<RelayTimes>;
  /** Bytes that may wait in a transport before no more is given to it; 256 KiB by default. */
  readonly transportBytes?: number;
  /** Bounds of what waits for a client, as in `ServerSessionOptions`. */
  readonly controlQueueBytes?: number;
  readonly chatQueueBytes?: number;
  readonly log?: Logger;
}

/** In ms. */
export interface RelayTimes extends ServerTimes {
  /** Before a lost connection counts; between two marks of a user (PRS-4, PRS-9, MBR-3). */
  readonly presenceDebounce: number;
}

/** {@link RelayOptions}, complete. */
export type RelayConfig = Required<Omit<RelayOptions, "onPublish" | "onSignal" | "details" | "limits" | "times">> &
  Pick<RelayOptions, "onPublish" | "onSignal" | "details"> & { readonly limits: SessionLimits; readonly times: RelayTimes };

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** @throws UsageError OPTION_INVALID, with the name of the option. */
export function configOf(options: RelayOptions): RelayConfig {
  for (const name of ["broker", "clock", "random", "authenticate"] as const) {
    if (options[name] === undefined) throw invalid(name, "is required");
  }
  const limits: SessionLimits = { ...defaultRelayLimits, ...options.limits };
  for (const [name, value] of Object.entries(limits)) whole(`limits.${name}`, value, 1, 0xffff_ffff);
  within("limits.windowMessages", limits.windowMessages, 1, producerRing);
  within("limits.batchFrames", limits.batchFrames, 1, 1024);
  within("limits.pageEntries", limits.pageEntries, 1, 10_000);
  within("limits.watchedUsers", limits.watchedUsers, 1, 256);
  // A chat, with the profile of its sender, fits into a frame that every client takes (LIM-3).
  within("limits.contentBytes", limits.contentBytes, 1, clientFrameBytes - 16 * 1024);
  // SES-6.
  within("limits.frameBytes", limits.frameBytes, Math.max(16 * 1024, limits.contentBytes + 1024), relayFrameBytes);
  within("limits.windowBytes", limits.windowBytes, limits.contentBytes + 1024, 0xffff_ffff);

  const { authTimeout, pingAfter, deadAfter, rosterInterval, presenceDebounce } = defaultTimes;
  const times: RelayTimes = { authTimeout, pingAfter, deadAfter, rosterInterval, presenceDebounce, ...options.times };
  for (const [name, value] of Object.entries(times)) whole(`times.${name}`, value, 0, 0xffff_ffff);
  within("times.pingAfter", times.pingAfter, 1, 0xffff_ffff);
  within("times.deadAfter", times.deadAfter, 2 * times.pingAfter, 0xffff_ffff);

  const config: RelayConfig = {
    ...options,
    limits,
    times,
    authorize: options.authorize ?? allowed,
    maySee: options.maySee ?? (() => true),
    detailBound: options.detailBound ?? 64,
    transportBytes: options.transportBytes ?? 256 * 1024,
    controlQueueBytes: options.controlQueueBytes ?? 4 * 1024 * 1024,
    chatQueueBytes: options.chatQueueBytes ?? 256 * 1024,
    log: options.log ?? silent,
  };
  whole("detailBound", config.detailBound, 1, 255);
  whole("transportBytes", config.transportBytes, 1, Number.MAX_SAFE_INTEGER);
  whole("controlQueueBytes", config.controlQueueBytes, 2 * clientFrameBytes, Number.MAX_SAFE_INTEGER);
  whole("chatQueueBytes", config.chatQueueBytes, 1, Number.MAX_SAFE_INTEGER);
  return config;
}

const everyone: readonly RightName[] = ["read", "publish", "signal"];

function allowed({ user }: Principal, room: string): readonly RightName[] | undefined {
  return !room.startsWith("@") || room === `@${user}` ? everyone : undefined;
}

function whole(name: string, value: unknown, min: number, max: number): void {
  if (!Number.isSafeInteger(value)) throw invalid(name, "must be a whole number");
  within(name, value as number, min, max);
}

function within(name: string, value: number, min: number, max: number): void {
  if (value < min || value > max) throw invalid(name, `must be from ${min} to ${max}`);
}

function invalid(name: string, what: string): UsageError {
  return new UsageError("OPTION_INVALID", `${name} ${what}`);
}

/** Codes that authentication may answer with; others are the service's own trouble. */
export const authenticationCodes: ReadonlySet<ErrorCodeName> = new Set([
  "UNAUTHENTICATED",
  "TOKEN_EXPIRED",
  "RATE_LIMITED",
  "UNAVAILABLE",
]);
