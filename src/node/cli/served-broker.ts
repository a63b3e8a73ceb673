/** Where the logs of `chappe serve` live. */

import { UsageError } from "../../errors.ts";
import type { Broker } from "../../relay/broker.ts";
import { MemoryBroker } from "../../relay/memory-broker.ts";
import type { Logger } from "../../relay/options.ts";
import { DiskBroker } from "../disk-broker.ts";
import { nodeClock, nodeRandom } from "../host.ts";
import { RedisBroker } from "../redis/broker.ts";
import { type Given, refused } from "./command.ts";
import { CliError, systemReason } from "./io.ts";
import { withoutPassword } from "./settings.ts";

/** A broker, and what ends it. */
export type ServedBroker = Broker & { close(): Promise<void> };

/** @throws CliError where it cannot be had. */
export async function brokerOf(given: Given, log: Logger): Promise<ServedBroker> {
  const [directory, url] = [given.text("data"), given.text("redis")];
  if (directory !== undefined && url !== undefined) throw new CliError("give either --data or --redis, not both");
  const onFault = (error: unknown): void => log.error("the log could not be written or read", { error: String(error) });
  const options = { clock: nodeClock(), random: nodeRandom, retention: { maxEntries: given.number("retention") } };
  if (directory !== undefined) return orRefused("data", directory, DiskBroker.open({ ...options, directory, onFault }));
  if (url !== undefined) return orRefused("redis", withoutPassword(url), RedisBroker.open({ ...options, url, onFault }));
  return Object.assign(new MemoryBroker(options), { close: () => Promise.resolve() });
}

async function orRefused(name: string, value: string, opening: Promise<ServedBroker>): Promise<ServedBroker> {
  try {
    return await opening;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const reason = error.cause instanceof Error && "code" in error.cause ? systemReason(error.cause) : error.message;
    throw refused(name, value, reason);
  }
}
