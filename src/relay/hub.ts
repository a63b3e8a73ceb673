/** What the parts of a relay share. */

import type { BrokerLink } from "./broker.ts";
import type { Connection } from "./connection.ts";
import type { Handles } from "./handles.ts";
import type { Meter } from "./meter.ts";
import type { RelayConfig } from "./options.ts";
import type { PresenceBoard } from "./presence-board.ts";
import type { Rates } from "./rates.ts";
import type { Room } from "./room.ts";
import type { Topics } from "./topics.ts";

export interface Hub {
  readonly config: RelayConfig;
  readonly link: BrokerLink;
  readonly topics: Topics;
  readonly handles: Handles;
  readonly presence: PresenceBoard;
  readonly meter: Meter;
  readonly rates: Rates;
  /** The room; opened on behalf of this user where it is not in use yet. The caller retains it at once. */
  room(name: string, user: string): Room;
  /** Nobody uses the room any more. */
  roomUnused(room: Room): void;
  /** The connection has something to do at the end of this turn. */
  touch(connection: Connection): void;
  /** The turn is over: all that were touched are pumped. */
  flush(): void;
  /** Puts off every {@link flush} until this is done. */
  hold(act: () => void): void;
  /** It is known whose the connection is: from now on what is announced about that user is its business too. */
  identified(connection: Connection): void;
  /** Whether this user may have one more connection. */
  hasPlace(user: string): boolean;
  /** The connection has ended. */
  gone(connection: Connection): void;
}
