/** The seats of a room on one relay, found without looking at all of them: by connection, by user, by what they are told. */

import { Detail } from "../wire/codec.ts";
import type { Connection } from "./connection.ts";
import type { Seat } from "./room.ts";

export class Seats {
  readonly #all = new Map<Connection, Seat>();
  readonly #byUser = new Map<string, Set<Seat>>();
  /** Those that are told of each member, or of each member's receipts: a small room's, as a rule (MBR-2). */
  readonly #detailed = new Set<Seat>();
  /** How many are told counts of receipts (RCP-5). */
  #counted = 0;

  get(connection: Connection): Seat | undefined {
    return this.#all.get(connection);
  }

  get size(): number {
    return this.#all.size;
  }

  all(): IterableIterator<Seat> {
    return this.#all.values();
  }

  ofUser(user: string): Iterable<Seat> {
    return this.#byUser.get(user) ?? [];
  }

  get detailed(): ReadonlySet<Seat> {
    return this.#detailed;
  }

  get counted(): number {
    return this.#counted;
  }

  /** How many are told numbers alone. */
  get others(): number {
    return this.#all.size - this.#detailed.size;
  }

  /** Takes the place of an earlier seat of the connection. */
  add(seat: Seat): void {
    this.delete(seat.connection);
    this.#all.set(seat.connection, seat);
    const own = this.#byUser.get(seat.user);
    if (own === undefined) this.#byUser.set(seat.user, new Set([seat]));
    else own.add(seat);
    this.#note(seat);
  }

  delete(connection: Connection): void {
    const seat = this.#all.get(connection);
    if (seat === undefined) return;
    this.#all.delete(connection);
    const own = this.#byUser.get(seat.user);
    own?.delete(seat);
    if (own?.size === 0) this.#byUser.delete(seat.user);
    this.#forget(seat);
  }

  /** The seat is told of more or less from now on. */
  detail(seat: Seat, { receipts, roster }: Pick<Seat, "receipts" | "roster">): void {
    this.#forget(seat);
    seat.receipts = receipts;
    seat.roster = roster;
    this.#note(seat);
  }

  #note(seat: Seat): void {
    if (seat.receipts === Detail.COUNTS) this.#counted++;
    if (seat.receipts === Detail.ALL || seat.roster === Detail.ALL) this.#detailed.add(seat);
  }

  #forget(seat: Seat): void {
    if (seat.receipts === Detail.COUNTS) this.#counted--;
    this.#detailed.delete(seat);
  }
}
