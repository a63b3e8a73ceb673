/** The client: `chappe/client`. */

export type { StoredEntry, StoredState, StoreOp } from "../delivery/outbox.ts";
export type { RoomPosition } from "../delivery/room-cursor.ts";
export { ProtocolError, UsageError } from "../errors.ts";
export type { OwnPresence } from "../session/client-conversation.ts";
export type { ContentInput } from "../session/client-convert.ts";
export type {
  ClientEvents,
  DetailName,
  DurabilityName,
  EntryChange,
  HistoryPage,
  JoinedRoom,
  Message,
  MessageContent,
  MessageKind,
  PresenceName,
  ReceiptTally,
  RightName,
  RoomMember,
  Unpublished,
  UserPresence,
  UserProfile,
  UserReceipt,
  WelcomeInfo,
} from "../session/client-events.ts";
export type { PauseReason } from "../session/client-life.ts";
export { linearRetry, type RetryOptions } from "../session/client-retries.ts";
export type { JoinOptions } from "../session/client-room.ts";
export type { Clock, Random } from "../session/host.ts";
export type { CircuitState, ClientState, EntryState } from "../session/transitions.ts";
export { binaryCodec, type FrameCodec } from "../session/transmit.ts";
export type { EventName } from "./checks.ts";
export { Client } from "./client.ts";
export type { StreamOptions } from "./event-stream.ts";
export {
  type BrowserLike,
  type Follower,
  followBrowser,
  followLifeCycle,
  followNetwork,
  type LifeCycleLike,
  type NetworkLike,
} from "./follow.ts";
export { type KeyValueLike, KeyValueStorage } from "./key-value-storage.ts";
export { type ClientRecord, clientRecords, writeClientLog } from "./log.ts";
export type { ClientOptions, ObservedFrame } from "./options.ts";
export type { Sent, Stored } from "./outcomes.ts";
export { historyPages, type PagesOptions } from "./pages.ts";
export type { PositionStore } from "./positions.ts";
export type { Finding, FindingCode } from "./report.ts";
export { type HistoryOptions, Room } from "./room.ts";
export type { Summary } from "./samples.ts";
export { type SharedClient, shareClient } from "./share.ts";
export type { ClientStatistics, Traffic } from "./statistics.ts";
export { MemoryStorage, type OutboxStorage } from "./storage.ts";
export { entryFromText, entryToText } from "./stored-text.ts";
export {
  type Connect,
  type Transport,
  type TransportEvents,
  type WebSocketConstructor,
  type WebSocketLike,
  webSocketConnect,
} from "./transport.ts";
export type { AbortSignalLike, WaitOptions } from "./waiting.ts";
