/**
 * The conversation of one tab: a client, and what the page knows by its events.
 *
 * Law: events change the models, never the page; the page is told of each change, and looks again when it draws.
 */

import {
  Client,
  type EntryChange,
  followBrowser,
  type JoinedRoom,
  type Message,
  type ObservedFrame,
  ProtocolError,
} from "chappe/client";
import { plural } from "./format.ts";
import { type LinkState, reportOf, stateNames } from "./link.ts";
import { People } from "./people.ts";
import { type RoomView, roomView } from "./room-view.ts";
import { type Range, textOf } from "./timeline.ts";

const tail = 50;
const pageSize = 50;

export class Chat {
  readonly name: string;
  readonly people: People = new People();
  readonly rooms: Map<string, RoomView> = new Map();
  /** Called after each change; costs nothing, or a burst costs much. */
  onChange: () => void = () => undefined;
  /** A message of somebody else, while it is live. */
  onMessage: (room: string, sender: string, text: string) => void = () => undefined;
  /** Something to be said once. */
  onTrouble: (text: string) => void = () => undefined;
  readonly #client: Client;
  readonly #sentTexts: Map<string, string> = new Map();
  #link: Omit<LinkState, "waiting"> = { state: "idle", wasReady: false, retryAtMs: undefined, error: undefined };

  constructor(url: string, name: string, onFrame: (frame: ObservedFrame) => void) {
    this.name = name;
    this.#client = new Client({ url, token: name, agent: "chappe-chat-page", onFrame });
    followBrowser(this.#client);
    this.#listen();
  }

  get user(): string | undefined {
    return this.#client.user;
  }

  get waiting(): number {
    return this.#client.outboxSize;
  }

  get report(): ReturnType<typeof reportOf> {
    return reportOf({ ...this.#link, waiting: this.waiting });
  }

  get stateName(): string {
    return stateNames[this.#link.state];
  }

  get isReady(): boolean {
    return this.#link.state === "ready";
  }

  /** Connects; where it waits for the next attempt: at once. */
  start(): void {
    this.#client.start();
  }

  close(): void {
    void this.#client.close();
  }

  isOwn(sender: string): boolean {
    return sender === this.#client.user;
  }

  join(name: string): RoomView {
    const known = this.rooms.get(name);
    if (known !== undefined && known.state !== "refused") return known;
    const view = this.#view(name, "joining");
    this.#client
      .room(name)
      .join({ tail })
      .catch((error: unknown) => {
        view.state = "refused";
        view.problem = describe(error);
        this.#changed();
      });
    this.#changed();
    return view;
  }

  leave(name: string): void {
    this.rooms.delete(name);
    this.people.left(name);
    this.#watch();
    void this.#client.room(name).leave();
    this.#changed();
  }

  /** @returns whether it was taken; otherwise the trouble is told. */
  send(name: string, text: string): boolean {
    const view = this.rooms.get(name);
    if (view === undefined) return false;
    return this.#attempt(() => {
      const { id } = this.#client.room(name).publish(text);
      view.timeline.add(id, this.user ?? this.name, text, Date.now());
    });
  }

  /** Publishes what has failed again, as a new message. */
  sendAgain(name: string, id: string): void {
    const text = this.rooms.get(name)?.timeline.item(id)?.text;
    if (text !== undefined && this.send(name, text)) this.discard(name, id);
  }

  /** Forgets a message that is not in the log. */
  discard(name: string, id: string): void {
    this.rooms.get(name)?.timeline.remove(id);
    this.#changed();
  }

  /** Takes back a message that was not sent yet. */
  cancel(name: string, id: string): void {
    this.#client.room(name).cancel(id);
  }

  edit(name: string, id: string, text: string): boolean {
    return this.#attempt(() => this.#note(this.#client.room(name).edit(id, text).id, "The change of a message"));
  }

  redact(name: string, id: string): void {
    this.#attempt(() => this.#note(this.#client.room(name).redact(id).id, "The deletion"));
  }

  /** Reacts; the same reaction once more takes it back. */
  react(name: string, id: string, text: string): void {
    const timeline = this.rooms.get(name)?.timeline;
    const item = timeline?.item(id);
    if (timeline === undefined || item === undefined) return;
    const own = timeline.reactions(item).find((reaction) => reaction.text === text && this.isOwn(reaction.sender));
    if (own !== undefined) this.redact(name, own.id);
    else this.#attempt(() => this.#note(this.#client.room(name).react(id, text).id, "The reaction"));
  }

  typing(name: string, isEmpty: boolean): void {
    const room = this.#client.room(name);
    if (isEmpty) room.stopTyping();
    else room.typing();
  }

  /** Everything that this tab has of the room was seen. */
  markRead(name: string): void {
    const view = this.rooms.get(name);
    if (view?.state !== "open") return;
    // The client takes an offset above what it has as the last that it has.
    this.#client.room(name).markRead(Number.MAX_SAFE_INTEGER);
    if (view.unread === 0) return;
    view.unread = 0;
    this.#changed();
  }

  setPresence(state: "online" | "away", activity: "viewing" | "idle"): void {
    this.#client.setPresence({ state, activity });
  }

  /** Shows what was before: what this tab has, or else a page of the log. */
  async showEarlier(name: string): Promise<void> {
    const view = this.rooms.get(name);
    if (view === undefined) return;
    view.window.hold();
    if (!view.window.earlier()) {
      const before = view.timeline.earlier;
      if (before === undefined || (await this.#load(view, { before, limit: pageSize })) === undefined) return;
      // Who went on to the end in the meantime is left there.
      if (!view.window.isFollowing) view.window.earlier();
    }
    this.#changed();
  }

  showLater(name: string): void {
    this.rooms.get(name)?.window.later();
    this.#changed();
  }

  /** Shows all of a long message, or no more than its beginning. */
  unfold(name: string, id: string): void {
    const unfolded = this.rooms.get(name)?.unfolded;
    if (unfolded?.delete(id) === false) unfolded.add(id);
    this.#changed();
  }

  /** Loads what a gap left out, a page at a time; the notice then tells what is still missing. */
  async loadMissing(name: string, key: string, { first, last }: Range): Promise<void> {
    const view = this.rooms.get(name);
    if (view === undefined) return;
    const reached = await this.#load(view, { after: first - 1, limit: Math.min(pageSize, last - first + 1) });
    if (reached === undefined) return;
    view.timeline.removeNotice(key);
    const end = Math.min(last, reached.last);
    if (reached.first > first) {
      const lost = Math.min(reached.first - 1, last) - first + 1;
      view.timeline.notice(`lost:${first}`, `${plural(lost, "message is", "messages are")} no longer on the relay.`, first - 0.5);
    }
    if (end < last) this.#missing(view, { first: end + 1, last });
    this.#changed();
  }

  /** @returns the offsets that came; undefined where none could be read. */
  async #load(
    view: RoomView,
    options: { before?: number; after?: number; limit: number },
  ): Promise<{ first: number; last: number } | undefined> {
    if (view.isLoading) return undefined;
    view.isLoading = true;
    this.#changed();
    try {
      const page = await this.#client.room(view.name).history(options);
      for (const message of page.messages) this.#apply(view, message);
      const { messages, firstRetained } = page;
      const [first, last] = [messages[0]?.offset, messages.at(-1)?.offset];
      if (options.before !== undefined) view.timeline.pageRead(firstRetained, first);
      return { first: first ?? page.head + 1, last: last ?? page.head };
    } catch (error) {
      this.onTrouble(`Earlier messages could not be loaded: ${describe(error)}.`);
      return undefined;
    } finally {
      view.isLoading = false;
      this.#changed();
    }
  }

  #view(name: string, state: RoomView["state"]): RoomView {
    const view = roomView(name, state, this.rooms.get(name));
    this.rooms.set(name, view);
    return view;
  }

  #apply(view: RoomView, message: Message): boolean {
    this.people.learn(message.sender, message.profile);
    return view.timeline.apply(message, this.isOwn(message.sender));
  }

  #listen(): void {
    const client = this.#client;
    client.on("state", ({ state, retryInMs, error }) => {
      const retryAtMs = retryInMs === undefined ? undefined : Date.now() + retryInMs;
      this.#link = { state, wasReady: this.#link.wasReady || state === "ready", retryAtMs, error };
      if (state === "waiting" || state === "paused" || state === "closed")
        for (const view of this.rooms.values()) view.wasLost = true;
      this.#changed();
    });
    client.on("joined", (joined) => this.#joined(joined));
    client.on("left", ({ room, code }) => {
      const view = this.rooms.get(room);
      if (view === undefined) return;
      view.state = "refused";
      if (code !== undefined) view.problem = `The relay has closed this room for you (${code}).`;
      this.#changed();
    });
    client.on("message", (message) => this.#message(message));
    client.on("entry", (change) => this.#entry(change));
    client.on("gap", ({ room, first, last }) => {
      const view = this.rooms.get(room);
      if (view !== undefined) this.#missing(view, { first, last });
      this.#changed();
    });
    client.on("receipt", ({ room, marks, counts }) => {
      this.rooms.get(room)?.timeline.receipts(marks, counts);
      this.#changed();
    });
    client.on("typing", ({ room, users }) => {
      const view = this.rooms.get(room);
      if (view !== undefined) view.typing = users.filter((user) => !this.isOwn(user));
      this.#changed();
    });
    client.on("members", ({ room, count, entered, exited }) => {
      this.people.changed(room, count, entered, exited);
      this.#watch();
      this.#changed();
    });
    client.on("presence", ({ marks }) => {
      this.people.presence(marks);
      this.#changed();
    });
    client.on("error", ({ error }) => this.onTrouble(`The relay reports: ${describe(error)}.`));
  }

  #joined(joined: JoinedRoom): void {
    // A relay may also put a client into a room.
    const view = this.rooms.get(joined.room) ?? this.#view(joined.room, "open");
    const { verdict, missing, start, head, durability } = joined;
    const isFirst = view.timeline.era === 0;
    view.timeline.joined(joined);
    view.state = "open";
    view.read = joined.read;
    view.head = head;
    if (verdict === "reset" && !isFirst) {
      view.unread = 0;
      const text =
        "The relay has lost its log: earlier messages are no longer on it. Those shown above are kept by this page alone.";
      view.timeline.notice(`reset:${joined.epoch}`, text, 0, { tone: "warning" });
    } else if (isFirst) {
      const where = durability === "memory" ? "The relay keeps its messages in memory only." : "";
      view.timeline.notice(`fresh:${joined.epoch}`, `You joined #${joined.room}. ${where}`.trim(), head + 0.5);
    } else if (view.wasLost && verdict === "resumed") {
      const came = head - start + 1;
      const text = came > 0 ? `${plural(came, "entry", "entries")} came in the meantime.` : "Nothing was missed.";
      view.timeline.notice(`resumed:${start}`, `The connection is back. ${text}`, start - 0.5);
    }
    if (missing !== undefined) this.#missing(view, missing);
    // The client goes on where it was before the room was left; this page has forgotten what was there.
    if (isFirst && verdict === "resumed") void this.#load(view, { before: start, limit: tail });
    view.wasLost = false;
    this.people.joined(joined);
    this.#watch();
    this.#changed();
  }

  #missing(view: RoomView, missing: Range): void {
    const count = missing.last - missing.first + 1;
    const text = `${plural(count, "message was", "messages were")} missed.`;
    view.timeline.notice(`missing:${missing.first}`, text, missing.first - 0.5, { tone: "warning", missing });
  }

  #message(message: Message): void {
    const view = this.rooms.get(message.room);
    if (view === undefined) return;
    const isNew = this.#apply(view, message);
    view.timeline.trim(!view.window.isFollowing);
    if (isNew && !this.isOwn(message.sender) && message.offset > view.read && message.kind === "content") {
      view.unread++;
      if (message.offset > view.head) this.onMessage(message.room, this.people.nameOf(message.sender), textOf(message.content));
    }
    this.#changed();
  }

  #entry({ room, id, state, offset, timeMs, error }: EntryChange): void {
    const what = this.#sentTexts.get(id);
    if (what !== undefined) {
      if (state === "failed" || state === "maybe") this.onTrouble(`${what} has failed: ${describe(error)}.`);
      if (state !== "queued" && state !== "sent" && state !== "voiding") this.#sentTexts.delete(id);
    } else {
      const details = { ...(offset !== undefined && { offset }), ...(timeMs !== undefined && { timeMs }) };
      const problem = error === undefined ? "" : describe(error);
      this.rooms.get(room)?.timeline.settle(id, state, { ...details, problem });
    }
    this.#changed();
  }

  #watch(): void {
    const { watch, unwatch } = this.people.takeWatchChanges(this.user);
    if (unwatch.length > 0) this.#client.unwatch(unwatch);
    // The answer also comes as an event; where the connection ends before it, the client asks again by itself.
    if (watch.length > 0) this.#client.watch(watch).catch(() => undefined);
  }

  #note(id: string, what: string): void {
    this.#sentTexts.set(id, what);
  }

  #attempt(action: () => void): boolean {
    try {
      action();
    } catch (error) {
      this.onTrouble(`Not sent: ${describe(error)}.`);
      return false;
    }
    this.#changed();
    return true;
  }

  #changed(): void {
    this.onChange();
  }
}

/** An error in one sentence, with the code that can be looked up. */
function describe(error: unknown): string {
  if (error instanceof ProtocolError) return `${error.message.replace(/\.$/, "")} (${error.code})`;
  return error instanceof Error ? error.message.replace(/\.$/, "") : "unknown";
}
