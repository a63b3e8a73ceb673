import { describe, expect, it } from "vitest";
import { type FindingCode, reportOf } from "../../src/client/report.ts";
import type { ClientStatistics } from "../../src/client/statistics.ts";

const well: ClientStatistics = {
  atMs: 0,
  state: "ready",
  endpoint: "wss://relay/",
  rttMs: 40,
  clockOffsetMs: -300,
  connection: { attempts: 7, reconnects: 6, recentReconnects: 5 },
  outbox: { entries: 7, bytes: 79, maxEntries: 10, maxBytes: 100 },
  publishes: { stored: 99, failed: 1, maybe: 0, cancelled: 0, rejections: 20, errorRate: 0.05 },
  ackMs: { count: 100, average: 50, p50: 50, p95: 5000, p99: 9000, max: 9000 },
  errors: 3,
  received: { frames: 1, bytes: 1 },
  sent: { frames: 1, bytes: 1 },
};

describe("the report", () => {
  it.each<[FindingCode, Partial<ClientStatistics>]>([
    ["TOKEN_WANTED", { state: "locked" }],
    ["RECONNECTS_FREQUENT", { connection: { ...well.connection, recentReconnects: 6 } }],
    ["RTT_HIGH", { rttMs: 1001 }],
    ["CLOCK_WRONG", { clockOffsetMs: -60_001 }],
    ["OUTBOX_FILLING", { outbox: { ...well.outbox, entries: 8 } }],
    ["OUTBOX_FILLING", { outbox: { ...well.outbox, bytes: 80 } }],
    ["ACKS_SLOW", { ackMs: { ...well.ackMs, p95: 5001 } }],
    ["PUBLISHES_FAILING", { publishes: { ...well.publishes, errorRate: 0.06 } }],
    ["PUBLISHES_REJECTED", { publishes: { ...well.publishes, rejections: 21 } }],
  ])("finds %s, and nothing else", (code, wrong) => {
    expect(reportOf(well)).toEqual([]);
    expect(reportOf({ ...well, ...wrong })).toEqual([{ code, text: expect.stringMatching(/\w+/) }]);
  });

  it("says nothing where there is too little to judge by", () => {
    const few = {
      publishes: { stored: 10, failed: 9, maybe: 0, cancelled: 100, rejections: 50, errorRate: 9 / 19 },
      ackMs: { ...well.ackMs, count: 19, p95: 90_000 },
      rttMs: undefined,
      clockOffsetMs: undefined,
    };
    expect(reportOf({ ...well, ...few })).toEqual([]);
  });
});
