/** Where a list is scrolled to, told by what is seen and not by pixels from the top: rows come and go above it. */

export interface Place {
  readonly id: string | undefined;
  /** Pixels below the top of what scrolls. */
  readonly top: number;
}

/** Where the first row with an id is that is at least partly in sight. */
export function placeOf(scroll: HTMLElement): Place {
  const { top } = scroll.getBoundingClientRect();
  for (const element of scroll.querySelectorAll<HTMLElement>("[data-id]")) {
    const box = element.getBoundingClientRect();
    if (box.bottom > top) return { id: element.dataset["id"], top: box.top - top };
  }
  return { id: undefined, top: 0 };
}

/** Of a row that has become smaller, so much stays in sight. */
const leastPx = 40;

/** Scrolls so that this row is where it was. The element may be another one now; where there is none, nothing moves. */
export function holdPlace(scroll: HTMLElement, { id, top }: Place): void {
  const element = id === undefined ? null : scroll.querySelector(`[data-id="${CSS.escape(id)}"]`);
  if (element === null) return;
  const box = element.getBoundingClientRect();
  scroll.scrollTop += box.top - scroll.getBoundingClientRect().top - Math.max(top, leastPx - box.height);
}
