// @ts-check
/**
 * Frames in the form that an encoder writes, as ProtoJSON: each body at least twice.
 */

/** @typedef {readonly [id: string, comment: string, json: Record<string, unknown>]} Row */

/** Ids as a client would make them: UUIDv7, in base64. */
const id = "AZMfUkEAdACAAAAAAAAAAQ==";
const target = "AZMfUkEAdACAAAAAAAAAAg==";
const session = "EjRWeJq83vASNFZ4mrze8A==";
const max = "9007199254740991";
const profile = { displayName: "Ada", avatarUri: "https://example.org/ada.png", attributes: { team: "signals" } };

/** @type {readonly Row[]} */
const bodies = [
  [
    "chat/text",
    "an entry with a text",
    { chat: { room: 7, offset: "1042", sender: "ada", timeMs: "1731500000000", id, content: { text: "Hello" } } },
  ],
  [
    "chat/full",
    "every field of an entry",
    {
      chat: {
        room: 7,
        offset: max,
        sender: "ada",
        timeMs: max,
        id,
        content: { text: "Hello *again*", contentType: "text/markdown", headers: { lang: "en" } },
        kind: "CHAT_KIND_EDIT",
        target,
        profile,
      },
    },
  ],
  [
    "chat/data",
    "an entry with bytes",
    { chat: { room: 7, offset: "1", id, content: { data: "AAEC/w==", contentType: "application/octet-stream" } } },
  ],
  [
    "chat/tombstone",
    "an entry whose content was deleted",
    { chat: { room: 7, offset: "5", sender: "ada", timeMs: "1", id, kind: "CHAT_KIND_TOMBSTONE" } },
  ],
  ["chat/unknown-kind", "a kind of a later version (LOG-6)", { chat: { room: 7, offset: "6", id, kind: 77 } }],
  ["publish/text", "a request to store a text", { publish: { room: 7, seq: "1", id, content: { text: "Hello" } } }],
  ["publish/empty-text", "an empty text is not an absent one", { publish: { room: 7, seq: "2", id, content: { text: "" } } }],
  [
    "publish/reaction",
    "a reaction",
    { publish: { room: 7, seq: "3", id, content: { text: "👍" }, kind: "CHAT_KIND_REACTION", target } },
  ],
  ["publish/redaction", "a redaction", { publish: { room: 7, seq: "4", id, kind: "CHAT_KIND_REDACTION", target } }],
  ["publish/void", "a void, which uses up a seq (PUB-12)", { publish: { room: 7, seq: max, id, kind: "CHAT_KIND_VOID" } }],
  ["ack/one", "one publish stored", { ack: { room: 7, firstSeq: "1", offsetDeltas: ["1042"], timeDeltas: ["1731500000000"] } }],
  [
    "ack/run",
    "a run of four, the third of them a void",
    { ack: { room: 7, firstSeq: "2", offsetDeltas: ["1043", "1", "0", "3"], timeDeltas: ["1731500000100", "5", "0", "0"] } },
  ],
  [
    "ack/largest",
    "sums of 2^53-1",
    { ack: { room: 4294967295, firstSeq: max, offsetDeltas: ["9007199254740990", "1"], timeDeltas: [max, "0"] } },
  ],
  ["batch/empty", "a batch without frames", { batch: {} }],
  [
    "batch/two",
    "two publishes in one frame",
    {
      batch: {
        frames: [
          { publish: { room: 7, seq: "1", id, content: { text: "a" } } },
          { publish: { room: 7, seq: "2", id: target, content: { text: "b" } } },
        ],
      },
    },
  ],
  [
    "batch/refs",
    "inner frames with their own refs, and one without a body",
    { batch: { frames: [{ join: { name: "a" }, ref: 1 }, {}, { leave: { room: 3 }, ref: 2 }] } },
  ],
  ["signal/room", "an event to a room", { signal: { room: 7, name: "cursor", content: { data: "AQI=" } } }],
  ["signal/service", "an event from the service, outside of any room", { signal: { name: "maintenance" } }],
  [
    "signal/proto-key",
    "a header key that means something to JavaScript",
    { signal: { sender: "ada", name: "x", content: { headers: { ["__proto__"]: "1" } } } },
  ],
  ["receipt/own", "a client's own mark", { receipt: { room: 7, marks: [{ delivered: "1042", read: "1040" }] } }],
  ["receipt/counts", "counts from the relay", { receipt: { room: 7, counts: [{ offset: "1042", delivered: 90, read: 12 }] } }],
  ["typing/start", "a client types", { typing: { room: 7, marks: [{ ttlMs: 6000 }] } }],
  ["typing/stop", "a user has stopped", { typing: { room: 7, marks: [{ user: "ada" }] } }],
  ["presence/own", "a client's own mark", { presence: { marks: [{ state: "PRESENCE_STATE_ONLINE", activity: "viewing" }] } }],
  [
    "presence/snapshot",
    "the answer to watch",
    {
      presence: {
        marks: [
          { user: "ada", state: "PRESENCE_STATE_OFFLINE", lastSeenMs: "1731500000000" },
          { user: "bob", state: "PRESENCE_STATE_BUSY", statusText: "in a call ☎", devices: 2 },
        ],
        snapshot: true,
      },
      ref: 9,
    },
  ],
  ["ping/zero", "a ping without a clock", { ping: {} }],
  ["ping/time", "a ping", { ping: { timeMs: "123456" } }],
  ["pong/zero", "a pong without clocks", { pong: {} }],
  ["pong/time", "a pong", { pong: { echoMs: "123456", timeMs: "1731500000000" } }],
  ["credit/zero", "no credit", { credit: {} }],
  ["credit/total", "1 MiB in all", { credit: { totalBytes: "1048576" } }],
  ["gap/one", "one entry is missing", { gap: { room: 7, first: "5", last: "5", reason: "GAP_REASON_TRIMMED" } }],
  ["gap/many", "all possible entries are missing", { gap: { room: 7, first: "1", last: max, reason: "GAP_REASON_TOO_MANY" } }],
  [
    "hello/websocket",
    "a hello on WebSocket",
    { hello: { session, attempt: "1", token: "t", creditBytes: "1048576", agent: "chappe-ts/0.1.0" } },
  ],
  ["hello/stream", "a hello on a byte stream", { hello: { major: 1, session, attempt: max, features: ["a", "b"] } }],
  ["welcome/least", "the least of each limit", { welcome: { user: "ada", pingMs: 1, deadMs: 1, limits: limits(() => 1) } }],
  [
    "welcome/usual",
    "a usual welcome",
    {
      welcome: {
        user: "ada",
        profile,
        expiresInMs: 3600000,
        pingMs: 25000,
        deadMs: 60000,
        limits: limits((usual) => usual),
        features: ["a"],
        timeMs: "1731500000000",
      },
    },
  ],
  ["refresh/token", "a fresh token", { refresh: { token: "eyJhbGciOiJub25lIn0.e30." }, ref: 3 }],
  ["refresh/short", "a token of one byte", { refresh: { token: "x" }, ref: 4294967295 }],
  ["refreshed/never", "a token that does not expire", { refreshed: {}, ref: 3 }],
  ["refreshed/hour", "a token for an hour", { refreshed: { expiresInMs: 3600000 }, ref: 3 }],
  [
    "goodbye/drain",
    "the relay is replaced",
    {
      goodbye: {
        code: "ERROR_CODE_GOING_AWAY",
        retry: "RETRY_AFTER",
        afterMinMs: 1000,
        afterMaxMs: 30000,
        drainMs: 5000,
        message: "new version",
      },
    },
  ],
  ["goodbye/bare", "a goodbye without a word", { goodbye: {} }],
  ["join/fresh", "enter a room", { join: { name: "lobby", tail: 50 }, ref: 1 }],
  [
    "join/resume",
    "resume in a room",
    {
      join: { name: "@me", position: { epoch: "5577006791947779", offset: "1042" }, maxCatchup: 500, publishOnly: true },
      ref: 2,
    },
  ],
  [
    "joined/fresh",
    "an empty room",
    {
      joined: {
        name: "lobby",
        room: 7,
        verdict: "VERDICT_FRESH",
        epoch: "5577006791947779",
        start: "1",
        firstRetained: "1",
        nextSeq: "1",
      },
      ref: 1,
    },
  ],
  [
    "joined/resumed",
    "a room with members",
    {
      joined: {
        name: "lobby",
        room: 7,
        verdict: "VERDICT_RESUMED",
        epoch: "5577006791947779",
        start: "1043",
        head: "1050",
        firstRetained: "17",
        nextSeq: "12",
        durability: "DURABILITY_DISK",
        rights: ["RIGHT_READ", "RIGHT_PUBLISH", "RIGHT_SIGNAL"],
        receipts: "DETAIL_ALL",
        roster: "DETAIL_ALL",
        members: [{ user: "ada", profile }, { user: "bob" }],
        read: "1040",
        count: 2,
        marks: [{ user: "bob", delivered: "1050", read: "1049" }],
      },
      ref: 2,
    },
  ],
  ["leave/room", "leave a room", { leave: { room: 7 }, ref: 5 }],
  ["leave/largest", "the largest handle", { leave: { room: 4294967295 }, ref: 6 }],
  ["left/asked", "the answer to leave", { left: { room: 7 }, ref: 5 }],
  ["left/revoked", "access was taken away", { left: { room: 7, code: "ERROR_CODE_ACCESS_REVOKED" } }],
  [
    "members/entered",
    "a user came",
    { members: { room: 7, count: 3, entered: [{ user: "cyd", profile: { displayName: "Cyd" } }] } },
  ],
  ["members/exited", "two users went", { members: { room: 7, count: 1, exited: ["ada", "bob"] } }],
  ["history/latest", "the latest entries: before 0, which is not absent", { history: { room: 7, before: "0" }, ref: 8 }],
  [
    "history/after",
    "entries after an offset",
    { history: { room: 7, epoch: "5577006791947779", after: "17", limit: 100 }, ref: 8 },
  ],
  ["page/empty", "nothing there", { page: { room: 7, epoch: "1", firstRetained: "1" }, ref: 8 }],
  [
    "page/entries",
    "two entries, of which one is a tombstone",
    {
      page: {
        room: 7,
        epoch: "5577006791947779",
        entries: [
          { offset: "18", sender: "ada", timeMs: "5", id, content: { text: "Hello" } },
          { offset: "19", id: target, kind: "CHAT_KIND_TOMBSTONE" },
        ],
        firstRetained: "17",
        head: "19",
      },
      ref: 8,
    },
  ],
  ["watch/one", "follow a user", { watch: { users: ["ada"] }, ref: 9 }],
  ["watch/two", "follow two users", { watch: { users: ["ada", "ünïcödé"] }, ref: 10 }],
  ["unwatch/one", "follow a user no longer", { unwatch: { users: ["ada"] } }],
  ["unwatch/two", "follow two users no longer", { unwatch: { users: ["ada", "bob"] } }],
];

/** @param {(usual: number) => number} of */
function limits(of) {
  const usual = {
    frameBytes: 1048576,
    contentBytes: 65536,
    windowMessages: 256,
    windowBytes: 4194304,
    batchFrames: 256,
    openRequests: 128,
    rooms: 1000,
    watchedUsers: 256,
    pageEntries: 1000,
    dedupWindowS: 604800,
    typingIntervalMs: 1000,
    presenceTtlMs: 300000,
  };
  return Object.fromEntries(Object.entries(usual).map(([name, value]) => [name, of(value)]));
}

/** @type {readonly Row[]} */
const envelopes = [
  ["frame/ref", "a ref without a body", { ref: 4294967295 }],
  [
    "frame/must-understand",
    "a known body with must_understand, which has no effect there (FRM-6)",
    { ping: {}, mustUnderstand: true },
  ],
];

/** @type {readonly { name: string, clauses: string[], tests: readonly Row[] }[]} */
export const bodyGroups = [
  { name: "bodies", clauses: ["FRM-1", "FRM-2", "ENC-1", "ENC-9"], tests: bodies },
  { name: "envelope", clauses: ["FRM-1", "FRM-6", "FRM-7"], tests: envelopes },
];
