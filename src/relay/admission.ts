/**
 * How a connection is let in, and stays: authenticated (AUT-1), known by its user, the only one of its session (SES-3), its token fresh
 * (AUT-5). Law: from the moment on at which its user is known, what is announced about the user reaches it; what was begun is undone at
 * the end.
 */

import { ProtocolError } from "../errors.ts";
import type { HelloInfo } from "../session/server-events.ts";
import type { ServerSession } from "../session/server-session.ts";
import type { Profile } from "../wire/codec.ts";
import { userTopic } from "./broker.ts";
import { type CheckedPrincipal, checkedPrincipal } from "./checks.ts";
import type { Connection } from "./connection.ts";
import type { Hub } from "./hub.ts";
import { attempt, Deadlines, NoAnswer } from "./later.ts";
import { authenticationCodes, type Principal, revokeMs } from "./options.ts";

/** After how many ms a user that has too many connections may try again (AUT-3). */
const fullMs = 30_000;

export class Admission {
  readonly #hub: Hub;
  readonly #connection: Connection;
  readonly #engine: ServerSession;
  readonly #headers: ReadonlyMap<string, string>;
  readonly #deadlines: Deadlines;
  #hello: HelloInfo | undefined;
  #session = "";
  #producer = "";
  #who: CheckedPrincipal | undefined;
  /** What has to be undone at the end, step by step. */
  #stage: "new" | "following" | "entered" = "new";

  constructor(hub: Hub, connection: Connection, engine: ServerSession, headers: ReadonlyMap<string, string>) {
    this.#hub = hub;
    this.#connection = connection;
    this.#engine = engine;
    this.#headers = headers;
    this.#deadlines = new Deadlines(hub.config.clock);
  }

  /** User id; empty before authentication. */
  get user(): string {
    return this.#who?.user ?? "";
  }

  get principal(): Principal | undefined {
    return this.#who?.principal;
  }

  get profile(): Profile | undefined {
    return this.#who?.profile;
  }

  /** Hexadecimal; of fixed length. */
  get session(): string {
    return this.#session;
  }

  /** The session comes first: it has one length, so that no two producers have one name. */
  get producer(): string {
    return this.#producer;
  }

  get attempt(): number {
    return this.#hello?.attempt ?? 0;
  }

  hello(hello: HelloInfo): void {
    this.#hello = hello;
    this.#session = Array.from(hello.session, (byte) => byte.toString(16).padStart(2, "0")).join("");
    attempt(
      () => this.#authenticate(hello.token),
      (principal) => this.#identified(principal),
      this.#refuse,
      this.#connection.fault,
    );
  }

  /** AUT-5, AUT-6. It takes no longer than authentication may (AUT-4). */
  refresh(ref: number, token: string): void {
    const { clock, times } = this.#hub.config;
    const endsAt = clock.now() + times.authTimeout;
    let state: "open" | "answered" = "open";
    const answer = (call: () => void): void => {
      if (state === "answered" || this.#connection.isClosed) return;
      state = "answered";
      inTime();
      call();
      this.#connection.turn();
    };
    const failed = (error: unknown): void => answer(() => this.#engine.fail(ref, this.#authenticationError(error)));
    const inTime = this.#deadlines.set(times.authTimeout, () => failed(new NoAnswer("authenticate takes too long")));
    attempt(
      () => this.#authenticate(token),
      (principal) => {
        if (state === "answered" || this.#connection.isClosed) return;
        let who: CheckedPrincipal;
        try {
          who = checkedPrincipal(principal);
        } catch (error) {
          return failed(error);
        }
        if (who.user !== this.user) {
          const changed = new ProtocolError("PRINCIPAL_CHANGED", "the token is of another principal");
          return answer(() => this.#engine.fail(ref, changed));
        }
        inTime();
        this.#who = who;
        this.#connection.reauthorize(undefined, Math.max(revokeMs, endsAt - clock.now()), () =>
          answer(() => this.#engine.refreshed(ref, who.expiresInMs, clock.now())),
        );
      },
      failed,
      this.#connection.fault,
    );
  }

  /** The connection has ended. */
  end(): void {
    this.#deadlines.end();
    const { user } = this;
    if (this.#stage === "entered") this.#hub.link.release(user, this.#session, this.attempt);
    if (this.#stage !== "new") this.#hub.topics.release(userTopic(user));
  }

  #authenticate(token: string): ReturnType<Hub["config"]["authenticate"]> {
    const given = token === "" ? bearerOf(this.#headers) : token;
    return this.#hub.config.authenticate({ token: given, agent: this.#hello?.agent ?? "", headers: this.#headers });
  }

  #identified(principal: Principal): void {
    if (this.#connection.isClosed) return;
    try {
      this.#who = checkedPrincipal(principal);
    } catch (error) {
      return this.#refuse(error);
    }
    const { user } = this;
    if (!this.#hub.hasPlace(user)) {
      const full = "this user has too many connections";
      return this.#refuse(new ProtocolError("RATE_LIMITED", full, { scope: "connection", retryAfterMs: fullMs }));
    }
    this.#producer = this.#session + user;
    this.#stage = "following";
    this.#hub.identified(this.#connection);
    attempt(
      () => this.#hub.topics.acquire(userTopic(user)),
      () =>
        attempt(
          () => (this.#connection.isClosed ? false : this.#hub.link.claim(user, this.#session, this.attempt)),
          (claimed) => this.#claimed(user, claimed),
          this.#refuse,
          this.#connection.fault,
        ),
      this.#refuse,
      this.#connection.fault,
    );
  }

  #claimed(user: string, claimed: boolean): void {
    if (this.#connection.isClosed) {
      if (claimed) this.#hub.link.release(user, this.#session, this.attempt);
      return;
    }
    if (!claimed) return this.#connection.end(new ProtocolError("SESSION_TAKEN", "another connection of this session is alive"));
    this.#stage = "entered";
    const { clock, log } = this.#hub.config;
    this.#engine.accept({ user, profile: this.profile, expiresInMs: this.#who?.expiresInMs }, clock.now());
    this.#hub.meter.welcomed++;
    log.info("welcome", { connection: this.#connection.id, user, agent: this.#hello?.agent });
    this.#connection.turn();
  }

  readonly #refuse = (error: unknown): void => {
    this.#engine.fail(0, this.#authenticationError(error));
    this.#connection.turn();
  };

  #authenticationError(error: unknown): ProtocolError {
    return error instanceof ProtocolError && authenticationCodes.has(error.code)
      ? error
      : this.#connection.unavailable("authenticate", error);
  }
}

/** The token that the upgrade request carried, as RFC 6750 has it; empty where there is none. */
function bearerOf(headers: ReadonlyMap<string, string>): string {
  return /^bearer +([\w\-.~+/]+=*)$/i.exec(headers.get("authorization") ?? "")?.[1] ?? "";
}
