/** The relay: the server's end of Chappe, without sockets. */

export { ProtocolError, UsageError } from "../errors.ts";
export type { Counts, Tally } from "../session/tally.ts";
export type { Rate } from "../session/token-bucket.ts";
export type { BackendPublish, BackendStored } from "./backend.ts";
export type { RoomHistory, RoomMembers } from "./backend-desk.ts";
export {
  type Announcement,
  type BackendEntry,
  type Broker,
  type BrokerLink,
  type BrokerSink,
  type LogSlice,
  type LogState,
  type MaybePromise,
  type ProducerState,
  type PublishOutcome,
  type PublishRequest,
  type ReadQuery,
  type RegistryValue,
  type Rejection,
  type RoomLog,
  roomTopic,
  type Stored,
  userTopic,
  type Watermarks,
} from "./broker.ts";
export { MemoryBroker, type MemoryBrokerOptions, type Retention } from "./memory-broker.ts";
export { type HistogramCounts, histogramBounds, type RelayMeasures, type TimedCall } from "./meter.ts";
export type {
  ApplicationSignal,
  Credentials,
  Logger,
  Principal,
  PublishAttempt,
  PublishVerdict,
  RelayOptions,
  RelayTimes,
} from "./options.ts";
export type { RelayRates } from "./rates.ts";
export { Relay, type RelayStats } from "./relay.ts";
export type { RelayReport } from "./report.ts";
export type { HistoryQuery } from "./rules.ts";
export type { ConnectionInfo, RelayConnection, RelayTransport } from "./transport.ts";
