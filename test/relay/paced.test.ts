import { expect, test } from "vitest";
import { Paced } from "../../src/relay/paced.ts";
import { FakeClock } from "../support/fake-clock.ts";

test("at once after a quiet time, once per interval otherwise, and not after it is cleared", () => {
  const clock = new FakeClock(1000);
  const calls: number[] = [];
  let later = 0;
  const paced = new Paced(
    clock,
    500,
    () => void calls.push(clock.now()),
    () => void later++,
  );
  paced.ask();
  for (let i = 0; i < 9; i++) paced.ask();
  clock.advance(499);
  expect([calls, later]).toEqual([[1000], 0]);
  clock.advance(1);
  expect([calls, later]).toEqual([[1000, 1500], 1]);
  clock.advance(400);
  paced.ask();
  paced.clear();
  clock.advance(5000);
  paced.ask();
  expect([calls, later, clock.pending]).toEqual([[1000, 1500, 6900], 1, 0]);
});
