/**
 * What passes on the links, compared with the ledger and with each user's rights.
 *
 * Law: an ack is judged when the relay sends it, a delivery when it is sent, not when it arrives: the network is nobody's excuse.
 */

import { expandAck } from "../../src/delivery/ack-tracker.ts";
import type { Data } from "../../src/session/transmit.ts";
import { decodeFrame, type Frame } from "../../src/wire/codec.ts";
import { hex, type Ledger } from "./ledger.ts";
import type { Direction, Link } from "./network.ts";
import type { World } from "./world.ts";

interface Conversation {
  readonly link: Link;
  session: string;
  attempt: number;
  user: string;
  state: "new" | "welcome" | "over";
  readonly rooms: Map<number, string>;
  /** Ids of what was published, by handle and seq: the latest under each. */
  readonly published: Map<string, string>;
}

export class WireWatch {
  readonly #world: World;
  readonly #conversations = new Map<Link, Conversation>();

  constructor(world: World) {
    this.#world = world;
  }

  opened(link: Link): void {
    this.#conversations.set(link, {
      link,
      session: "",
      attempt: 0,
      user: "",
      state: "new",
      rooms: new Map(),
      published: new Map(),
    });
  }

  /** One end has gone: what it says from now on counts as nothing. */
  closed(link: Link, end: "client" | "relay"): void {
    const conversation = this.#conversations.get(link);
    if (end === "relay" && conversation !== undefined) conversation.state = "over";
    if (end === "relay") this.#conversations.delete(link);
  }

  passed(link: Link, direction: Direction, when: "sent" | "arrived", data: Data): void {
    const conversation = this.#conversations.get(link);
    if (conversation === undefined || typeof data === "string") return;
    if (direction === "up" && when === "arrived") this.#each(decodeFrame(data), (frame) => this.#up(conversation, frame));
    if (direction === "down" && when === "sent") this.#each(decodeFrame(data), (frame) => this.#down(conversation, frame));
  }

  /** Two connections of one session that were welcomed, and live; undefined: there are none. */
  doubled(): string | undefined {
    const seen = new Map<string, Conversation>();
    for (const one of this.#conversations.values()) {
      if (one.state !== "welcome" || !one.link.isLive) continue;
      const other = seen.get(one.session);
      if (other !== undefined)
        return [other, one].map(({ link, attempt }) => `link ${link.id} of ${link.client}, attempt ${attempt}`).join("; ");
      seen.set(one.session, one);
    }
    return undefined;
  }

  #each(frame: Frame, call: (frame: Frame) => void): void {
    if (frame.body.case === "batch") for (const inner of frame.body.value.frames) call(inner);
    else call(frame);
  }

  #up(conversation: Conversation, { body }: Frame): void {
    if (body.case === "hello") {
      conversation.session = hex(body.value.session);
      conversation.attempt = Number(body.value.attempt);
    } else if (body.case === "publish") {
      conversation.published.set(`${body.value.room}/${body.value.seq}`, hex(body.value.id));
    }
  }

  #down(conversation: Conversation, { body }: Frame): void {
    const { checks, ledger } = this.#world;
    if (conversation.state === "new") {
      const isAllowed =
        body.case === "welcome" ||
        body.case === "error" ||
        body.case === "goodbye" ||
        body.case === "pong" ||
        body.case === "ping";
      checks.require("authority", isAllowed, () => `${body.case} before welcome`);
    }
    switch (body.case) {
      case "welcome":
        this.#welcome(conversation, body.value.user);
        break;
      case "joined":
        conversation.rooms.set(body.value.room, body.value.name);
        break;
      case "ack":
        this.#ack(conversation, ledger, body.value);
        break;
      case "chat": {
        const room = conversation.rooms.get(body.value.room);
        checks.require("authority", room !== undefined, () => `a chat in handle ${body.value.room}, which was never told`);
        if (room !== undefined) this.#world.requireAccess(conversation.user, room);
        break;
      }
      default:
        break;
    }
  }

  #welcome(conversation: Conversation, user: string): void {
    conversation.state = "welcome";
    conversation.user = user;
    for (const other of this.#conversations.values()) {
      if (other === conversation || other.state !== "welcome" || other.session !== conversation.session || other.user !== user)
        continue;
      this.#world.checks.require(
        "fencing",
        other.attempt < conversation.attempt || !other.link.isLive || this.#world.isOutage,
        () => `attempt ${conversation.attempt} is welcome while attempt ${other.attempt} lives`,
      );
    }
  }

  #ack(
    { rooms, published }: Conversation,
    ledger: Ledger,
    ack: { room: number; firstSeq: bigint; offsetDeltas: readonly (bigint | number)[]; timeDeltas: readonly (bigint | number)[] },
  ): void {
    const { checks } = this.#world;
    const room = rooms.get(ack.room);
    checks.require("ack", room !== undefined, () => `an ack in handle ${ack.room}, which was never told`);
    const run = expandAck({
      firstSeq: Number(ack.firstSeq),
      offsetDeltas: ack.offsetDeltas.map(Number),
      timeDeltas: ack.timeDeltas.map(Number),
    });
    for (const { seq, offset } of run) {
      if (offset === 0 || room === undefined) continue;
      const id = published.get(`${ack.room}/${seq}`) ?? "nothing";
      checks.require(
        "ack",
        ledger.stands(room, offset, id),
        () => `${id} is acknowledged at ${offset} of ${room}, where it is not`,
      );
    }
  }
}
