/** A broker's link whose answers are timed. Publishes are timed where they are settled. */

import type { Clock } from "../session/host.ts";
import { count } from "../session/tally.ts";
import type { BrokerLink, MaybePromise } from "./broker.ts";
import { isLater } from "./later.ts";
import type { Meter, TimedCall } from "./meter.ts";

/** The answers are the link's own: nothing comes later for being timed. */
export function timedLink(link: BrokerLink, meter: Meter, clock: Clock): BrokerLink {
  const timed = <T>(call: TimedCall, answer: () => MaybePromise<T>): MaybePromise<T> => {
    const since = clock.now();
    const done = (): void => meter.brokerLatency[call].observe(clock.now() - since);
    const failed = (): void => count(meter.brokerFailures, call);
    let value: MaybePromise<T>;
    try {
      value = answer();
    } catch (error) {
      failed();
      throw error;
    }
    if (isLater(value)) value.then(done, failed);
    else done();
    return value;
  };
  return {
    relayId: link.relayId,
    open: (room, user) => timed("open", () => link.open(room, user)),
    producer: (room, producer) => timed("producer", () => link.producer(room, producer)),
    read: (room, query) => timed("read", () => link.read(room, query)),
    append: (room, entry) => timed("append", () => link.append(room, entry)),
    publish: (request) => link.publish(request),
    close: (room) => link.close(room),
    receipt: (room, user, marks) => link.receipt(room, user, marks),
    receipts: (room, limit) => link.receipts(room, limit),
    follow: (topic) => link.follow(topic),
    unfollow: (topic) => link.unfollow(topic),
    put: (topic, key, value, ttlMs) => link.put(topic, key, value, ttlMs),
    remove: (topic, key) => link.remove(topic, key),
    announce: (topic, announcement) => link.announce(topic, announcement),
    claim: (user, session, attempt) => link.claim(user, session, attempt),
    release: (user, session, attempt) => link.release(user, session, attempt),
    detach: () => link.detach(),
  };
}
