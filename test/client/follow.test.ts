/** Devices of the shapes that browsers and React Native have, and what clients are told of them (LIV-9). */

import { describe, expect, it } from "vitest";
import { type BrowserLike, followBrowser, followLifeCycle, followNetwork } from "../../src/client/follow.ts";
import { usageCodeOf } from "../support/errors.ts";
import { started, World } from "../support/world.ts";

/** Writes down what it is told. */
function listening(): { readonly told: string[]; pause(why: string): void; resume(why: string): void } {
  const told: string[] = [];
  return { told, pause: (why) => void told.push(`pause ${why}`), resume: (why) => void told.push(`resume ${why}`) };
}

/** A browser's window: event targets of the platform. */
class Page extends EventTarget {
  readonly navigator = { onLine: true };
  readonly document = Object.assign(new EventTarget(), { visibilityState: "visible" });

  network(state: "online" | "offline"): void {
    this.navigator.onLine = state === "online";
    this.dispatchEvent(new Event(state));
  }

  show(state: "visible" | "hidden"): void {
    this.document.visibilityState = state;
    this.document.dispatchEvent(new Event("visibilitychange"));
  }
}

type NetState = { type: string; isConnected: boolean | null; details: unknown };

/** As NetInfo of React Native: tells each listener at once what there is, and then every change. */
class FakeNetInfo {
  readonly listeners = new Set<(state: NetState) => void>();
  #state: NetState = { type: "unknown", isConnected: null, details: null };

  addEventListener(listener: (state: NetState) => void): () => void {
    this.listeners.add(listener);
    listener(this.#state);
    return () => void this.listeners.delete(listener);
  }

  tell(type: string, isConnected: boolean | null): void {
    this.#state = { type, isConnected, details: {} };
    for (const listener of this.listeners) listener(this.#state);
  }
}

type AppStatus = "active" | "background" | "inactive" | "unknown" | "extension";

/** As AppState of React Native. */
class FakeAppState {
  readonly listeners = new Set<(state: AppStatus) => void>();
  currentState: AppStatus = "active";

  addEventListener(
    type: "change" | "memoryWarning" | "blur" | "focus",
    listener: (state: AppStatus) => void,
  ): { remove(): void } {
    if (type === "change") this.listeners.add(listener);
    return { remove: () => void this.listeners.delete(listener) };
  }

  become(state: AppStatus): void {
    this.currentState = state;
    for (const listener of this.listeners) listener(state);
  }
}

describe("followBrowser", () => {
  it("pauses from offline to online, and takes a page that is shown for a change", () => {
    const [client, page] = [listening(), new Page()];
    followBrowser(client, page);
    page.network("offline");
    page.network("online");
    page.show("hidden");
    page.show("visible");
    expect(client.told).toEqual(["pause offline", "resume offline", "resume background"]);
  });

  it("asks what there is when it begins", () => {
    const [client, page] = [listening(), new Page()];
    page.navigator.onLine = false;
    followBrowser(client, page);
    expect(client.told).toEqual(["pause offline"]);
  });

  it("ends with its pause, and hears nothing any more", () => {
    const [client, page] = [listening(), new Page()];
    const end = followBrowser(client, page);
    page.network("offline");
    end();
    page.network("online");
    page.network("offline");
    page.show("visible");
    expect(client.told).toEqual(["pause offline", "resume offline"]);
    end();
    expect(client.told).toHaveLength(2);
  });

  it("needs neither document nor navigator, as in workers", () => {
    const [client, worker] = [listening(), new EventTarget()];
    const end = followBrowser(client, worker as BrowserLike);
    worker.dispatchEvent(new Event("offline"));
    end();
    expect(client.told).toEqual(["pause offline", "resume offline"]);
  });

  it("is refused where this is no browser", () => {
    expect(usageCodeOf(() => followBrowser(listening()))).toBe("OPTION_INVALID");
  });
});

describe("followNetwork", () => {
  it("pauses without a network; another one is a change, and a word about the same one is none", () => {
    const [client, netInfo] = [listening(), new FakeNetInfo()];
    const end = followNetwork(client, netInfo);
    netInfo.tell("wifi", true);
    netInfo.tell("wifi", true);
    expect(client.told).toEqual([]);
    netInfo.tell("cellular", true);
    netInfo.tell("unknown", null);
    netInfo.tell("none", false);
    netInfo.tell("none", false);
    netInfo.tell("cellular", true);
    expect(client.told).toEqual(["resume offline", "pause offline", "resume offline"]);
    netInfo.tell("none", false);
    end();
    expect(client.told.slice(3)).toEqual(["pause offline", "resume offline"]);
    expect(netInfo.listeners.size).toBe(0);
  });

  it("hears at once that there is none", () => {
    const [client, netInfo] = [listening(), new FakeNetInfo()];
    netInfo.tell("none", false);
    followNetwork(client, netInfo);
    expect(client.told).toEqual(["pause offline"]);
  });

  it.each([undefined, null, {}, 5])("is refused for %j", (wrong) => {
    expect(usageCodeOf(() => followNetwork(listening(), wrong as never))).toBe("OPTION_INVALID");
  });
});

describe("followLifeCycle", () => {
  it("pauses from background to active; inactive changes nothing", () => {
    const [client, appState] = [listening(), new FakeAppState()];
    const end = followLifeCycle(client, appState);
    appState.become("inactive");
    expect(client.told).toEqual([]);
    for (const state of ["background", "inactive", "active", "background"] as const) appState.become(state);
    expect(client.told).toEqual(["pause background", "resume background", "pause background"]);
    end();
    expect(client.told).toHaveLength(4);
    expect(appState.listeners.size).toBe(0);
  });

  it("asks what there is when it begins", () => {
    const [client, appState] = [listening(), new FakeAppState()];
    appState.become("background");
    followLifeCycle(client, appState);
    expect(client.told).toEqual(["pause background"]);
  });

  it.each([undefined, null, {}, 5])("is refused for %j", (wrong) => {
    expect(usageCodeOf(() => followLifeCycle(listening(), wrong as never))).toBe("OPTION_INVALID");
  });
});

describe("a client that follows (LIV-9)", () => {
  it("does not try without a network, and tries at once when it is back, also for a token", async () => {
    const [world, page] = [new World(), new Page()];
    let calls = 0;
    const token = () => {
      calls++;
      return page.navigator.onLine ? "ada" : Promise.reject(new Error("offline"));
    };
    const client = world.client("ada", { token });
    const end = followBrowser(client, page);
    page.network("offline");
    started(client);
    await world.pass(50);
    expect([client.state, calls]).toEqual(["idle", 1]);
    page.network("online");
    await world.pass(50);
    expect([client.state, calls]).toEqual(["ready", 2]);
    end();
  });

  it("sends what is in the outbox before it rests, and goes on where it was", async () => {
    const [world, appState] = [new World(), new FakeAppState()];
    const client = started(world.client("ada"));
    followLifeCycle(client, appState);
    const join = client.room("lobby").join();
    await world.pass(50);
    await join;
    const sent = client.publish("lobby", "one");
    appState.become("background");
    await world.pass(50);
    expect(await sent).toMatchObject({ offset: 1 });
    expect(client.state).toBe("paused");
    const later = client.publish("lobby", "two");
    await world.pass(60_000);
    expect(client.outboxSize).toBe(1);
    appState.become("active");
    await world.pass(50);
    expect(await later).toMatchObject({ offset: 2 });
  });

  it.each([undefined, null, 5, "hidden"])("refuses the reason %j", (why) => {
    const client = new World().client("ada");
    expect(usageCodeOf(() => client.pause(why as never))).toBe("OPTION_INVALID");
    expect(usageCodeOf(() => client.resume(why as never))).toBe("OPTION_INVALID");
  });
});
