/**
 * What will be done in a run, and what will go wrong: all of it drawn from the seed before anything happens.
 *
 * Law: a plan is plain data. What it does not say is drawn from streams of its own, so a fault can be taken out of it and the rest stays.
 */

import { type FaultName, faultNames, faults } from "./faults.ts";
import { Rng } from "./random.ts";

/** One act of an application, or one fault. Numbers choose among what there is at that time. */
export interface Act {
  readonly at: number;
  readonly what: WorkName | FaultName;
  /** Which client, relay or link; taken modulo what there is. */
  readonly who: number;
  /** What it is about: a room, a message, an extent. */
  readonly n: number;
  /** How long, in ms. */
  readonly ms: number;
}

export const workNames = [
  "publish",
  "burst",
  "large",
  "pile",
  "edit",
  "react",
  "redact",
  "cancel",
  "read",
  "typing",
  "presence",
  "watch",
  "signal",
  "history",
  "leave",
  "join",
  "hop",
  "restart",
  "rest",
  "wake",
  "offline",
  "hide",
  "backend",
  "backendSignal",
] as const;

export type WorkName = (typeof workNames)[number];

/** How often each is done, in comparison. */
const weights: Readonly<Record<WorkName, number>> = {
  publish: 100,
  burst: 8,
  large: 3,
  pile: 1,
  edit: 4,
  react: 4,
  redact: 3,
  cancel: 8,
  read: 10,
  typing: 8,
  presence: 3,
  watch: 2,
  signal: 4,
  history: 3,
  leave: 2,
  join: 4,
  hop: 3,
  restart: 1,
  rest: 1,
  wake: 3,
  offline: 4,
  hide: 4,
  backend: 5,
  backendSignal: 1,
};

/** Everything that differs between seeds. */
export interface Plan {
  readonly seed: number;
  /** `safety`: faults to the end. `liveness`: they stop, but for a chosen minority, and all must drain. */
  readonly mode: "safety" | "liveness";
  readonly clients: number;
  /** Of these, devices of the first one's user. */
  readonly devices: number;
  readonly relays: number;
  readonly rooms: number;
  readonly latency: { readonly min: number; readonly max: number };
  readonly brokerLatency: { readonly min: number; readonly max: number } | "at once";
  readonly retention: number;
  readonly windowMessages: number;
  readonly batchDelayMs: number;
  readonly tokenMs: number;
  /** A relay that takes nobody any more once faults stop; −1: none. */
  readonly broken: number;
  readonly durationMs: number;
  /** A link, by its number, that ends within one byte of what is sent this way. */
  readonly cutAt?: { readonly link: number; readonly direction: "up" | "down"; readonly byte: number };
  readonly acts: readonly Act[];
}

export function makePlan(seed: number): Plan {
  const random = new Rng(seed, "plan");
  const durationMs = random.int(20_000, 60_000);
  const relays = random.int(1, 3);
  const acts: Act[] = [];
  const add = (what: Act["what"], stream: Rng) =>
    acts.push({
      at: stream.int(0, durationMs),
      what,
      who: stream.int(0, 999),
      n: stream.int(0, 999_999),
      ms: stream.int(1, 4000),
    });

  const works = new Rng(seed, "work");
  const drawn = workNames.flatMap((name) => Array<WorkName>(weights[name]).fill(name));
  for (let i = works.int(210, 280); i > 0; i--) add(works.pick(drawn), works);
  // Whatever else was drawn, so many are published.
  for (let i = acts.filter(({ what }) => what === "publish").length; i < 200; i++) add("publish", works);

  // Each fault has a rate of its own in this seed, and many have none.
  const wrong = new Rng(seed, "faults");
  const rates = faultNames.map((name) => (wrong.chance(0.45) ? wrong.fraction() ** 2 * faults[name].most : 0));
  const chosen = faultNames.flatMap((name, i) => Array<FaultName>(Math.round(rates[i] ?? 0)).fill(name));
  while (chosen.length < 20) chosen.push(wrong.pick(faultNames));
  for (const name of chosen) add(name, wrong);

  acts.sort((a, b) => a.at - b.at);
  const max = random.pick([2, 20, 80, 300]);
  return {
    seed,
    mode: random.chance(0.7) ? "liveness" : "safety",
    clients: random.int(2, 4),
    devices: random.int(0, 1),
    relays,
    rooms: random.int(1, 3),
    latency: { min: random.int(0, 1), max },
    brokerLatency: random.chance(0.4) ? "at once" : { min: 0, max: random.pick([3, 30]) },
    retention: random.pick([20, 100, 10_000]),
    windowMessages: random.pick([1, 4, 32, 256]),
    batchDelayMs: random.pick([0, 5, 50]),
    tokenMs: random.pick([0, 0, 3000, 15_000]),
    broken: relays > 1 && random.chance(0.3) ? random.int(0, relays - 1) : -1,
    durationMs,
    acts,
  };
}
