/**
 * The protocol as a toolkit: frames and their bytes, the delivery machinery, the session engines. Everything here is pure: no input or
 * output, no clock, no randomness of its own. Working ends are in `chappe/client`, `chappe/relay` and `chappe/node`.
 */

export {
  AckCoalescer,
  type AckedSeq,
  type AckRun,
  type AckRunView,
  AckTracker,
  ackRunLength,
  expandAck,
} from "./delivery/ack-tracker.ts";
export { Batcher, type BatcherOptions } from "./delivery/batcher.ts";
export { type Decision, IdWindow, type IdWindowOptions, type ProducerSnapshot, ProducerWindow } from "./delivery/dedup.ts";
export type { Lane } from "./delivery/lane.ts";
export {
  compareMessageIds,
  formatMessageId,
  isMessageId,
  MessageIdGenerator,
  messageIdKey,
  messageIdOfKey,
  messageIdTime,
  parseMessageId,
} from "./delivery/message-id.ts";
export {
  type Draft,
  Outbox,
  type OutboxEntry,
  type OutboxLimits,
  type StoredEntry,
  type StoredState,
  type StoreOp,
} from "./delivery/outbox.ts";
export { type JoinedLog, type JoinedOutcome, RoomCursor, type RoomPosition, type VerdictName } from "./delivery/room-cursor.ts";
export { type CorruptRecord, type ReadState, readStoredState } from "./delivery/stored-state.ts";
export {
  closeCode,
  type ErrorCodeName,
  errorCodeName,
  errorOfCloseCode,
  type ProcessedName,
  ProtocolError,
  type ProtocolErrorDetails,
  type RetryName,
  retryOfCloseCode,
  type ScopeName,
  UsageError,
  type UsageErrorCode,
  verdicts,
} from "./errors.ts";
export { Backoff, type BackoffOptions, type Comeback, defaultBackoff, type EndVerdict } from "./session/backoff.ts";
export type { ClientConversation, OwnPresence, PublishInput } from "./session/client-conversation.ts";
export type { ContentInput } from "./session/client-convert.ts";
export type {
  ClientEvent,
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
  UserPresence,
  UserProfile,
  UserReceipt,
  WelcomeInfo,
} from "./session/client-events.ts";
export type { ClientSessionOptions, ClientTimes } from "./session/client-options.ts";
export type { BatchOptions } from "./session/client-publisher.ts";
export { linearRetry, type RetryOptions } from "./session/client-retries.ts";
export type { ClientRoom, JoinOptions } from "./session/client-room.ts";
export { ClientSession } from "./session/client-session.ts";
export type { Clock, Random } from "./session/host.ts";
export { jsonCodec } from "./session/json-codec.ts";
export type {
  Acceptance,
  Delivery,
  HelloInfo,
  HistoryEvent,
  JoinedInfo,
  PageInfo,
  PublishEvent,
  PublishOutcome,
  PublishTicket,
  Rejection,
  ServerEvent,
} from "./session/server-events.ts";
export type { DrainOptions, ServerSessionOptions, ServerTimes } from "./session/server-options.ts";
export { ServerSession } from "./session/server-session.ts";
export { decideJoin, type JoinDecision, type JoinWish, type LogState } from "./session/server-verdict.ts";
export {
  type CircuitInput,
  type CircuitState,
  type ClientInput,
  type ClientState,
  type EntryInput,
  type EntryState,
  nextCircuitState,
  nextClientState,
  nextEntryState,
  nextRoomState,
  nextServerState,
  type RoomInput,
  type RoomState,
  type ServerInput,
  type ServerState,
  tables,
} from "./session/transitions.ts";
export { binaryCodec, type Data, type FrameCodec, SharedFrame, type Transmit } from "./session/transmit.ts";
export {
  type Ack,
  type Batch,
  type Body,
  type BodyCase,
  type BodyValue,
  type Chat,
  ChatKind,
  type CodecOptions,
  type Content,
  type Credit,
  checkFrame,
  createFrame,
  Detail,
  Durability,
  decodeFrame,
  ErrorCode,
  type ErrorInfo,
  encodedSize,
  encodeFrame,
  type Frame,
  type FrameOf,
  type Gap,
  GapReason,
  type Goodbye,
  type Hello,
  type History,
  type Init,
  type Join,
  type Joined,
  type Leave,
  type Left,
  type Limits,
  type Member,
  type Members,
  type Page,
  type Ping,
  type Pong,
  type Position,
  type Presence,
  type PresenceMark,
  PresenceState,
  Processed,
  type Profile,
  type Publish,
  parseFrame,
  type Receipt,
  type ReceiptCount,
  type ReceiptMark,
  type Refresh,
  type Refreshed,
  Retry,
  Right,
  Scope,
  type Signal,
  type Typing,
  type TypingMark,
  type Unwatch,
  Verdict,
  type Watch,
  type Welcome,
} from "./wire/codec.ts";
export { DelimitedDecoder, encodeDelimited } from "./wire/framing.ts";
export { decodeFrameJson, encodeFrameJson, parseFrameJson } from "./wire/json.ts";
export {
  clientFrameBytes,
  contentBytes,
  type DecodeLimits,
  defaultDecodeLimits,
  defaultRelayLimits,
  defaultTimes,
  maxSafeInteger,
  openRequests,
  preAuthFrameBytes,
  preAuthQueueBytes,
  producerRing,
  relayFrameBytes,
  type SessionLimits,
} from "./wire/limits.ts";
export { type Cursor, readVarint, varintSize, writeVarint } from "./wire/varint.ts";
