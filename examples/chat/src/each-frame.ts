/**
 * Work for the eye.
 *
 * Law: however often it is asked for, it is done once at most for each frame that is drawn, in a hidden tab once a second; and it leaves
 * half of the time to others.
 */

/** Hidden tabs draw nothing, but their titles count what is unread. */
const hiddenMs = 1000;

/** @returns what asks for the work. */
export function eachFrame(work: () => void): () => void {
  let stop: (() => void) | undefined;
  let restUntilMs = 0;
  const run = () => {
    stop = undefined;
    const startMs = performance.now();
    if (startMs < restUntilMs) return ask();
    work();
    const endMs = performance.now();
    restUntilMs = endMs + (endMs - startMs);
  };
  const ask = () => {
    if (stop !== undefined) return;
    if (document.visibilityState === "hidden") {
      const timer = setTimeout(run, hiddenMs);
      stop = () => clearTimeout(timer);
    } else {
      const frame = requestAnimationFrame(run);
      stop = () => cancelAnimationFrame(frame);
    }
  };
  // What waits for a frame would wait for as long as the tab is hidden.
  document.addEventListener("visibilitychange", () => {
    if (stop === undefined) return;
    stop();
    stop = undefined;
    ask();
  });
  return ask;
}
