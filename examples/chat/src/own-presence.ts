/** What this tab says about its user: away when the tab is hidden, idle when nothing is touched for a while. */

const idleAfterMs = 60_000;

export interface OwnPresence {
  readonly state: "online" | "away";
  readonly activity: "viewing" | "idle";
}

/** Calls back with the first presence, and with each other one. */
export function followPresence(tell: (presence: OwnPresence) => void): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isIdle = false;
  let told = "";
  const say = () => {
    const presence: OwnPresence = {
      state: document.visibilityState === "visible" ? "online" : "away",
      activity: isIdle ? "idle" : "viewing",
    };
    const key = JSON.stringify(presence);
    if (key === told) return;
    told = key;
    tell(presence);
  };
  const touched = () => {
    isIdle = false;
    clearTimeout(timer);
    timer = setTimeout(() => {
      isIdle = true;
      say();
    }, idleAfterMs);
    say();
  };
  for (const name of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) {
    addEventListener(name, touched, { passive: true });
  }
  document.addEventListener("visibilitychange", touched);
  touched();
}
