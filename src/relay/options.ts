/** What a relay is made with: checked once, each wrong value by its name. */

import type { ErrorCodeName } from "../errors.ts";
import type { ContentInput } from "../session/client-convert.ts";
import type { DetailName, MessageContent, MessageKind, RightName } from "../session/client-events.ts";
import type { Clock, Random } from "../session/host.ts";
import { invalid } from "../session/option-rules.ts";
import type { ServerTimes } from "../session/server-options.ts";
import type { Init, Profile } from "../wire/codec.ts";
import { defaultRelayLimits, defaultTimes, relayFrameBytes, type SessionLimits } from "../wire/limits.ts";
import type { Broker, MaybePromise } from "./broker.ts";
import type { RelayRates } from "./rates.ts";
import { checkedRelayOptions } from "./rules.ts";

/** Who authentication says the client is (AUT-1). */
export interface Principal {
  /** User id: 1 to 256 bytes of UTF-8. */
  readonly user: string;
  /** How the user is shown (AUT-9). Unknown names in it count as a fault of the hook. */
  readonly profile?: Init<Profile> | undefined;
  /** For how long the token holds from now on, in ms; 0 or absent: it does not expire (AUT-4). */
  readonly expiresInMs?: number | undefined;
}

/** What is known of a client that wants to talk. */
export interface Credentials {
  /** Of hello or refresh; where that is empty, of `Authorization: Bearer` of the upgrade request; empty: `headers` may say more. MUST NOT be logged (AUT-2). */
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

/** Where a relay writes what happens. `fields` hold no token and no content. None of these may throw. */
export interface Logger {
  info(event: string, fields: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields: Readonly<Record<string, unknown>>): void;
  error(event: string, fields: Readonly<Record<string, unknown>>): void;
}

/**
 * What a {@link Relay} is made with. Hooks may throw, and where they may answer later, reject: what the client is told then stands beside
 * each; the error itself goes to {@link RelayOptions.log} and to nobody else. Where another value than those of the hook's type comes
 * back, it counts as thrown.
 */
export interface RelayOptions {
  /** Where the rooms' logs live. One that several relays share makes them one service. */
  readonly broker: Broker;
  /** The time. `nodeClock()` of chappe/node is one. */
  readonly clock: Clock;
  /** For message ids of the service: MUST be cryptographically strong outside of tests. `nodeRandom` of chappe/node is. */
  readonly random: Random;
  /**
   * Who is it? Throw, or reject with, a ProtocolError UNAUTHENTICATED or TOKEN_EXPIRED where the token is not accepted, RATE_LIMITED or
   * UNAVAILABLE where it may be later (AUT-1); any other error, and what is no {@link Principal}, is UNAVAILABLE to the client. Called for hello and for refresh, each time
   * bounded by `times.authTimeout` (AUT-3, AUT-5).
   */
  readonly authenticate: (credentials: Credentials) => MaybePromise<Principal>;
  /**
   * What may the principal do in this room? Undefined or nothing: as if the room did not exist (AUT-7). By default everything but redacting
   * others' entries, where the name does not begin with "@"; of those, "@" and the own user id alone, an inbox (ROM-2). Called for each
   * join, and again for the rooms that are open after {@link Relay.revoke} and a refresh (AUT-6, AUT-8). Thrown, or
   * not said within `times.answerTimeout` (FRM-7): UNAVAILABLE to a join; an open room is lost. After a revocation it has less than a second: then the room is lost too.
   */
  readonly authorize?: (principal: Principal, room: string) => MaybePromise<readonly RightName[] | undefined>;
  /**
   * Takes, rewrites or rejects a publish before it is stored (PUB-17, 5). Never asked about a void (PUB-12). What is sent again is asked
   * about again, also where it is stored already and the verdict changes nothing (PUB-7): it MUST NOT count or act upon publishes.
   * SHOULD be quick: the relay waits. Thrown: a retryable UNAVAILABLE. Content that breaks ENC-8 or `limits.contentBytes` is a final
   * FIELD_INVALID or LIMIT_EXCEEDED.
   */
  readonly onPublish?: (principal: Principal, publish: PublishAttempt) => PublishVerdict;
  /** A signal to the application (SIG-2). What it throws is logged, and told to nobody. */
  readonly onSignal?: (principal: Principal, signal: ApplicationSignal) => void;
  /**
   * Whether a principal may see a user's presence (PRS-6). By default everyone sees everyone. Called for each user of a watch, and again
   * after {@link Relay.revoke} of all rooms and a refresh. Thrown: UNAVAILABLE to a watch; afterwards the user is hidden.
   */
  readonly maySee?: (principal: Principal, user: string) => boolean;
  /**
   * How much of members and receipts is told in a room (MBR-2); by default all up to `detailBound` members, then counts. "all" is counts
   * where the room has more than 255 members. Thrown: the default.
   */
  readonly details?: (room: string) => { readonly receipts?: DetailName; readonly roster?: DetailName } | undefined;
  /** Members up to which each is told by default. 1 to 255; 64 by default. */
  readonly detailBound?: number;
  /** How much the relay does for its clients in how short a time (ERR-6). By default there is no limit. */
  readonly rates?: RelayRates;
  /** Connections of one user at a time, on this relay; a further one ends with RATE_LIMITED (AUT-3). At least 1; 100 by default. */
  readonly connectionsPerUser?: number;
  /** Connections that may have one room open at a time, on this relay; a further join gets LIMIT_EXCEEDED (ROM-1). At least 1; no bound by default. */
  readonly seatsPerRoom?: number;
  /** What the relay advertises and holds clients to (SES-6). By default those of LIM-1 and LIM-2. */
  readonly limits?: Partial<SessionLimits>;
  /** Times, in ms: whole numbers. */
  readonly times?: Partial<RelayTimes>;
  /** Bytes that may wait in a transport before no more is given to it; at least 1, 256 KiB by default. */
  readonly transportBytes?: number;
  /** Bytes of all but chats that may wait for a client; above it the connection ends with BACKLOG_EXCEEDED (CRD-6). At least 512 KiB; 4 MiB by default. */
  readonly controlQueueBytes?: number;
  /** Bytes of chats that may wait for a client; what does not fit is read from the log later. At least 1; 256 KiB by default. */
  readonly chatQueueBytes?: number;
  /** Where the relay writes what happens; by default nowhere. */
  readonly log?: Logger;
}

/** In ms; whole numbers. Those of `ServerTimes`, and: */
export interface RelayTimes extends ServerTimes {
  /**
   * For the application and the broker to say what a request waits for: then it is answered with UNAVAILABLE (FRM-7). A room that is behind
   * waits as long, and then the connection ends with UNAVAILABLE. At least 1.
   */
  readonly answerTimeout: number;
  /** Before a lost connection counts; between two marks of a user (PRS-4, PRS-9, MBR-3). */
  readonly presenceDebounce: number;
}

/** {@link RelayOptions}, complete. */
export type RelayConfig = Required<Omit<RelayOptions, "onPublish" | "onSignal" | "details" | "limits" | "times">> &
  Pick<RelayOptions, "onPublish" | "onSignal" | "details"> & { readonly limits: SessionLimits; readonly times: RelayTimes };

const silent: Logger = { info() {}, warn() {}, error() {} };

/** @throws UsageError OPTION_INVALID, with the name of the option. */
export function configOf(given: RelayOptions): RelayConfig {
  const options = checkedRelayOptions(given);
  const limits: SessionLimits = { ...defaultRelayLimits, ...options.limits };
  // SES-6.
  within("limits.frameBytes", limits.frameBytes, Math.max(16 * 1024, limits.contentBytes + 1024), relayFrameBytes);
  within("limits.windowBytes", limits.windowBytes, limits.contentBytes + 1024, 0xffff_ffff);

  const { authTimeout, answerTimeout, pingAfter, deadAfter, rosterInterval, presenceDebounce } = defaultTimes;
  const usual: RelayTimes = { authTimeout, answerTimeout, pingAfter, deadAfter, rosterInterval, presenceDebounce };
  const times: RelayTimes = { ...usual, ...options.times };
  within("times.deadAfter", times.deadAfter, 2 * times.pingAfter, 0xffff_ffff);

  return {
    ...options,
    limits,
    times,
    authorize: options.authorize ?? allowed,
    maySee: options.maySee ?? (() => true),
    rates: options.rates ?? {},
    connectionsPerUser: options.connectionsPerUser ?? 100,
    seatsPerRoom: options.seatsPerRoom ?? Number.POSITIVE_INFINITY,
    detailBound: options.detailBound ?? 64,
    transportBytes: options.transportBytes ?? 256 * 1024,
    controlQueueBytes: options.controlQueueBytes ?? 4 * 1024 * 1024,
    chatQueueBytes: options.chatQueueBytes ?? 256 * 1024,
    log: options.log ?? silent,
  };
}

const everyone: readonly RightName[] = ["read", "publish", "signal"];

function allowed({ user }: Principal, room: string): readonly RightName[] | undefined {
  return !room.startsWith("@") || room === `@${user}` ? everyone : undefined;
}

function within(name: string, value: number, least: number, most: number): void {
  if (value < least || value > most) throw invalid(name, `must be from ${least} to ${most}`);
}

/** Codes that authentication may answer with; others are the service's own trouble. */
export const authenticationCodes: ReadonlySet<ErrorCodeName> = new Set([
  "UNAUTHENTICATED",
  "TOKEN_EXPIRED",
  "RATE_LIMITED",
  "UNAVAILABLE",
]);

/** Within which time after a revocation a right is looked up again, or gone, in ms: below the 1 s of AUT-8. */
export const revokeMs = 800;
