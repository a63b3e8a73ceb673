/** Tokens that let in, and those that do not: each way in which one may be wrong, with real keys, a real key server, and over real sockets. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type JwtHooks, type JwtOptions, jwtHooks } from "../../src/node/jwt.ts";
import { grantsOf, rightsIn } from "../../src/node/jwt-claims.ts";
import type { Principal } from "../../src/relay/options.ts";
import { ErrorCode, Right } from "../../src/wire/codec.ts";
import { codeOf } from "../support/errors.ts";
import { Peer, type RelayServer, startRelay } from "../support/relay-server.ts";

const secret = "0123456789abcdef0123456789abcdef";
const nowMs = 1_800_000_000_000;
const nowS = nowMs / 1000;
const expected = { issuer: "https://login.example.org", audience: "chat" } as const;
const good: JWTPayload = { sub: "ada", iss: expected.issuer, aud: expected.audience, exp: nowS + 60 };

const sign = (claims: JWTPayload, key: CryptoKey | Uint8Array = Buffer.from(secret), header: object = {}): Promise<string> =>
  new SignJWT(claims).setProtectedHeader({ alg: "HS256", ...header }).sign(key);
const hooks = (more: Partial<JwtOptions> = {}): Promise<JwtHooks> =>
  jwtHooks({ ...("jwks" in more ? {} : { secret }), ...expected, clock: { wall: () => nowMs }, ...more });
const enter = ({ authenticate }: JwtHooks, token: string) => authenticate({ token, agent: "", headers: new Map() });
const verdict = (jwt: JwtHooks, token: string): Promise<string> =>
  enter(jwt, token).then(
    ({ user }) => `in as ${user}`,
    (error: unknown) =>
      codeOf(() => {
        throw error;
      }),
  );

describe("a token", () => {
  test("that is right names the user, how it is shown, and for how long", async () => {
    const token = await sign({ ...good, name: "Ada", picture: "https://x.example/a.png" });
    expect(await enter(await hooks(), token)).toMatchObject({
      user: "ada",
      profile: { displayName: "Ada", avatarUri: "https://x.example/a.png" },
      expiresInMs: 65_000,
      claims: { sub: "ada" },
    });
  });

  test("whose profile cannot be said lets in without it", async () => {
    const token = await sign({ ...good, name: "é".repeat(129), picture: 7 });
    expect((await enter(await hooks(), token)).profile).toEqual({});
  });

  test.each<[string, object, object?]>([
    ["of another issuer", { ...good, iss: "https://evil.example" }],
    ["without an issuer", { ...good, iss: undefined }],
    ["for others", { ...good, aud: ["mail"] }],
    ["for nobody", { ...good, aud: undefined }],
    ["that never ends", { ...good, exp: undefined }],
    ["whose end is no number", { ...good, exp: "soon" }],
    ["that holds later", { ...good, nbf: nowS + 6 }],
    ["without a user", { ...good, sub: undefined }],
    ["of a user without a name", { ...good, sub: "" }],
    ["of a user with a name of 257 bytes", { ...good, sub: "a".repeat(257) }],
    ["of a user with half of a surrogate pair", { ...good, sub: "a\ud800" }],
    ["of a user that is a number", { ...good, sub: 7 }],
    ["whose rooms are a list", { ...good, rooms: ["lobby"] }],
    ["whose rooms are null", { ...good, rooms: null }],
    ["whose rights are a text", { ...good, rooms: { lobby: "read" } }],
    ["with a right that there is not", { ...good, rooms: { lobby: ["rule"] } }],
    ["with too many rooms", { ...good, rooms: Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`r${i}`, []])) }],
    ["with an extension that must be understood", good, { crit: ["b64"], b64: false }],
  ])("%s is not accepted", async (_what, claims, header = {}) => {
    const token = await sign(claims as JWTPayload, undefined, header).catch(() => "a.b.c");
    expect(await verdict(await hooks(), token)).toBe("UNAUTHENTICATED");
  });

  test.each(["", "x", "a.b.c", "e30.e30.", `${"a".repeat(16 * 1024)}.b.c`, "..", "\u0000"])(
    "that is none is not accepted: %j",
    async (token) => {
      expect(await verdict(await hooks(), token)).toBe("UNAUTHENTICATED");
    },
  );

  test("that is signed by others, by nobody, or otherwise than the key is for, is not accepted", async () => {
    const other = Buffer.from("another secret of 32 bytes ......");
    const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: "k" };
    const byKeys = await hooks({ jwks: { keys: [jwk] } });
    expect(await verdict(byKeys, await sign(good, privateKey, { alg: "RS256", kid: "k" }))).toBe("in as ada");

    const refused: [JwtHooks, string][] = [
      [await hooks(), await sign(good, other)],
      [await hooks(), await sign(good, Buffer.from(secret.repeat(2)), { alg: "HS512" })],
      [await hooks(), new UnsecuredJWT(good).encode()],
      [byKeys, new UnsecuredJWT(good).encode()],
      // The public key, known to all, as the secret of an HMAC (RFC 8725, 2.1).
      [byKeys, await sign(good, Buffer.from(await exportSPKI(publicKey)), { kid: "k" })],
      [byKeys, await sign(good, Buffer.from(JSON.stringify(jwk)), { kid: "k" })],
      // A key that the token itself brings.
      [byKeys, await sign(good, (await generateKeyPair("RS256")).privateKey, { alg: "RS256", jwk })],
      [byKeys, await sign(good, privateKey, { alg: "RS256", kid: "another" })],
      [byKeys, await sign(good, privateKey, { alg: "PS256", kid: "k" }).catch(() => "a.b.c")],
    ];
    for (const [jwt, token] of refused) expect(await verdict(jwt, token)).toBe("UNAUTHENTICATED");
    // What is signed by others is not told to have expired.
    expect(await verdict(await hooks(), await sign({ ...good, exp: 1 }, other))).toBe("UNAUTHENTICATED");
  });

  test.each(["RS256", "ES256", "EdDSA"])("may be %s", async (alg) => {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const jwt = await hooks({ jwks: { keys: [await exportJWK(publicKey)] } });
    expect(await verdict(jwt, await sign(good, privateKey, { alg }))).toBe("in as ada");
  });

  test("holds to the second from nbf to exp, give or take what clocks may differ", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: -400, max: 400 }),
        fc.integer({ min: -400, max: 400 }),
        fc.integer({ min: 0, max: 300 }),
        async (exp, nbf, clockToleranceS) => {
          const jwt = await hooks({ clockToleranceS });
          const is = await verdict(jwt, await sign({ ...good, exp: nowS + exp, nbf: nowS + nbf }));
          const isEarly = nbf > clockToleranceS;
          const isLate = exp <= -clockToleranceS;
          expect(is).toBe(isEarly ? "UNAUTHENTICATED" : isLate ? "TOKEN_EXPIRED" : "in as ada");
        },
      ),
    );
  });

  test("may be of anybody, and for anybody, where that is said", async () => {
    const jwt = await hooks({ issuer: false, audience: false, userClaim: "email" });
    expect(await verdict(jwt, await sign({ exp: nowS + 1, email: "ada@example.org" }))).toBe("in as ada@example.org");
  });
});

test.each<[Partial<JwtOptions>, string]>([
  [{ secret: "31 bytes of a secret are too few".slice(0, 31) }, "secret: must be at least 32 bytes"],
  [{ secret: undefined }, "secret, jwks: give one of them"],
  [{ jwks: { keys: [] }, secret }, "secret, jwks: give one of them"],
  [{ jwks: "http://login.example.org/keys" }, "jwks: must be"],
  [{ jwks: "keys" }, "jwks: must be"],
  [{ jwks: {} as never }, "jwks: must be"],
  [{ jwks: { keys: [7 as never] } }, "jwks: is no JSON Web Key Set"],
  [{ issuer: undefined as never }, "issuer: is missing"],
  [{ audience: [] }, "audience: must be"],
  [{ clockToleranceS: 301 }, "clockToleranceS: must be"],
  [{ algorithms: ["none"] } as object, "algorithms: not known"],
])("options that are wrong are named: %j", async (more, message) => {
  await expect(hooks(more)).rejects.toMatchObject({ code: "OPTION_INVALID", message: expect.stringContaining(message) });
});

describe("a key set at an address", () => {
  afterEach(() => void vi.useRealTimers());

  test("is followed when it changes; while it cannot be had nobody is told that a token is wrong", async () => {
    let answer: { status: number; keys: readonly JWK[] } = { status: 200, keys: [] };
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      response.writeHead(answer.status).end(JSON.stringify({ keys: answer.keys }));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const jwks = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
    const pair = async (kid: string) => {
      const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
      const token = await sign(good, privateKey, { alg: "ES256", kid });
      return { jwk: { ...(await exportJWK(publicKey)), kid }, token };
    };
    const [first, second] = [await pair("1"), await pair("2")];
    const jwt = await hooks({ jwks });

    answer = { status: 500, keys: [] };
    await expect(enter(jwt, first.token)).rejects.not.toMatchObject({ code: "UNAUTHENTICATED" });
    answer = { status: 200, keys: [first.jwk] };
    expect(await verdict(jwt, first.token)).toBe("in as ada");
    answer = { status: 200, keys: [second.jwk] };
    // Keys that are not there are asked for now and then, not for each token that names one.
    for (let i = 0; i < 20; i++) expect(await verdict(jwt, second.token)).toBe("UNAUTHENTICATED");
    expect(asked).toHaveLength(2);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 31_000 });
    expect(await verdict(jwt, second.token)).toBe("in as ada");
    expect(await verdict(jwt, first.token)).toBe("UNAUTHENTICATED");
    server.close();
    vi.setSystemTime(Date.now() + 601_000);
    server.closeAllConnections();
    await expect(enter(jwt, second.token)).rejects.not.toMatchObject({ code: "UNAUTHENTICATED" });
  });
});

describe("rooms of a token", () => {
  const grants = grantsOf({
    lobby: ["read"],
    "team/*": ["read", "publish"],
    "team/x/*": [],
    "@bob": ["publish"],
    "@*": ["read"],
    __proto__: ["read"],
  });

  test.each([
    ["lobby", ["read"]],
    ["lobby2", undefined],
    ["team/a", ["read", "publish"]],
    ["team/", ["read", "publish"]],
    ["team", undefined],
    ["team/x/1", []],
    ["@ada", ["read", "publish", "signal"]],
    ["@bob", ["publish"]],
    ["@cyd", undefined],
    ["__proto__", undefined],
    ["constructor", undefined],
  ])("%s", (room, rights) => {
    expect(rightsIn(grants, "ada", room)).toEqual(rights);
  });

  test("of JSON may have any name", () => {
    const parsed: unknown = JSON.parse('{"__proto__": ["read"], "constructor": ["publish"]}');
    expect(rightsIn(grantsOf(parsed), "ada", "__proto__")).toEqual(["read"]);
    expect(rightsIn(grantsOf(parsed), "ada", "constructor")).toEqual(["publish"]);
    expect(rightsIn(grantsOf(parsed), "ada", "toString")).toBeUndefined();
  });

  test("no beginning reaches an inbox but one's own, whatever it is", () => {
    const name = fc.string({ maxLength: 6, unit: fc.constantFrom("@", "a", "d", "*", "/") });
    fc.assert(
      fc.property(
        fc.dictionary(
          name.map((each) => `${each}*`),
          fc.constant(["read"]),
        ),
        name,
        name,
        (claim, user, room) => {
          const rights = rightsIn(grantsOf(claim), user, `@${room}`);
          expect(rights === undefined).toBe(room !== user);
        },
      ),
    );
  });

  test("count for who was let in by a token, also where another hook has made another principal of it; for nobody else", async () => {
    const jwt = await hooks();
    const principal = await enter(jwt, await sign({ ...good, rooms: { lobby: ["read"] } }));
    expect(jwt.authorize(principal, "lobby")).toEqual(["read"]);
    expect(jwt.authorize({ ...principal, expiresInMs: 1 }, "lobby")).toEqual(["read"]);
    expect(jwt.authorize({ user: "ada" }, "lobby")).toBeUndefined();
    expect(jwt.authorize({ user: "ada", claims: { rooms: { lobby: ["read"] } } } as Principal, "lobby")).toBeUndefined();
    expect(jwt.authorize(await enter(jwt, await sign(good)), "any")).toEqual(["read", "publish", "signal"]);
  });
});

describe("over sockets", () => {
  let server: RelayServer | undefined;
  afterEach(() => server?.close());
  const live = (more: object = {}): JWTPayload => ({ ...good, exp: Math.floor(Date.now() / 1000) + 600, ...more });
  const start = async (): Promise<RelayServer> => {
    server = await startRelay(await jwtHooks({ secret, ...expected, clockToleranceS: 0 }));
    return server;
  };

  test("the upgrade request may carry the token; that of hello comes first (AUT-1)", async () => {
    const { url } = await start();
    const Authorization = `Bearer ${await sign(live())}`;
    const [ada, bob, eve, none] = await Promise.all(
      [{ Authorization }, { Authorization }, { Authorization: "Bearer x" }, {}].map((headers) =>
        Peer.open(url, "binary", headers),
      ),
    );
    ada?.hello("");
    expect(await ada?.next("welcome")).toMatchObject({ user: "ada" });
    bob?.hello(await sign(live({ sub: "bob" })));
    expect(await bob?.next("welcome")).toMatchObject({ user: "bob" });
    for (const peer of [eve, none]) {
      peer?.hello("");
      expect(await peer?.next("error")).toMatchObject({ code: ErrorCode.UNAUTHENTICATED });
      expect((await peer?.closed)?.reason).toBe("UNAUTHENTICATED");
    }
  });

  test("a token of other rooms changes what its user may do, on the connection that is open (AUT-6)", async () => {
    const { url } = await start();
    const ada = await Peer.open(url);
    ada.hello(await sign(live({ rooms: { a: ["read", "publish"], b: ["read"] } })));
    for (const [i, name] of ["a", "b"].entries()) ada.send("join", { name }, i + 1);
    expect((await ada.next("joined")).rights).toEqual([Right.READ, Right.PUBLISH]);
    const { room: b } = await ada.next("joined");
    ada.send("join", { name: "c" }, 3);
    expect(await ada.next("error")).toMatchObject({ code: ErrorCode.ROOM_UNAVAILABLE });
    ada.send("refresh", { token: await sign(live({ rooms: { a: ["read"] } })) }, 4);
    const news = [await ada.next("joined"), await ada.next("left")];
    expect(news).toMatchObject([{ rights: [Right.READ] }, { room: b, code: ErrorCode.ACCESS_REVOKED }]);
    await ada.next("refreshed");
    ada.send("refresh", { token: await sign(live({ sub: "bob" })) }, 5);
    expect(await ada.next("error")).toMatchObject({ code: ErrorCode.PRINCIPAL_CHANGED });
  });

  test("a token that has ended ends the connection (AUT-4)", async () => {
    const { url } = await start();
    const ada = await Peer.open(url);
    ada.hello(await sign(live({ exp: Math.floor(Date.now() / 1000) + 1 })));
    expect((await ada.next("welcome")).expiresInMs).toBeLessThanOrEqual(1000);
    expect(await ada.next("error")).toMatchObject({ code: ErrorCode.TOKEN_EXPIRED });
    expect((await ada.closed).reason).toBe("TOKEN_EXPIRED");
  });

  test("no token is logged, whatever is wrong with it (AUT-2)", async () => {
    const { url, logged } = await start();
    const tokens = ["canary.canary.canary", await sign(live({ exp: 1 })), await sign(live({ sub: "x".repeat(300) }))];
    for (const token of tokens) {
      const peer = await Peer.open(url, "binary", { Authorization: `Bearer ${token}` });
      peer.hello(token);
      expect((await peer.next("error")).message).not.toContain(token);
      await peer.closed;
    }
    await expect.poll(logged).toMatch(/closed/);
    for (const token of tokens) expect(logged()).not.toContain(token);
  });
});
