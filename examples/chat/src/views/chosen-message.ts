/** The keyboard's way through the messages: one of them is in the tab order, the last one at first; the arrows go to its neighbours. */

/** @returns what changes the messages, and lets none that goes take the focus with it. */
export function chosenMessage(container: HTMLElement): (change: () => void) => void {
  let chosen: string | undefined;
  let reachable: HTMLElement | undefined;
  const messages = () => [...container.querySelectorAll<HTMLElement>(".message")];

  const choose = () => {
    const all = messages();
    const one = all.find(({ dataset }) => dataset["id"] === chosen) ?? all.at(-1);
    if (one === reachable) return;
    if (reachable !== undefined) reachable.tabIndex = -1;
    if (one !== undefined) one.tabIndex = 0;
    reachable = one;
  };
  container.addEventListener("focusin", ({ target }) => {
    chosen = target instanceof Element ? target.closest<HTMLElement>(".message")?.dataset["id"] : undefined;
    choose();
  });
  container.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step === undefined || !(event.target instanceof HTMLElement) || !event.target.matches(".message")) return;
    event.preventDefault();
    const all = messages();
    all[all.indexOf(event.target) + step]?.focus();
  });
  return (change) => {
    const hadFocus = container.contains(document.activeElement);
    change();
    choose();
    if (hadFocus && document.activeElement === document.body) reachable?.focus({ preventScroll: true });
  };
}
