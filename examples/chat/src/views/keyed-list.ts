/** A list that follows its rows: elements are kept by key, made again where what they show has changed, and moved where the order has. */

export interface Row {
  readonly key: string;
  /** Everything that the element shows: while it is the same, the element is kept. */
  readonly signature: string;
  readonly build: () => HTMLElement;
}

interface Kept {
  readonly element: HTMLElement;
  readonly signature: string;
}

export class KeyedList {
  readonly #parent: HTMLElement;
  #elements: Map<string, Kept> = new Map();

  constructor(parent: HTMLElement) {
    this.#parent = parent;
  }

  render(rows: readonly Row[]): void {
    const elements = new Map<string, Kept>();
    for (const row of rows) {
      const known = this.#elements.get(row.key);
      if (known?.signature === row.signature) {
        elements.set(row.key, known);
        continue;
      }
      const element = row.build();
      if (known !== undefined) replace(known.element, element);
      elements.set(row.key, { element, signature: row.signature });
    }
    for (const [key, { element }] of this.#elements) if (!elements.has(key)) element.remove();
    this.#elements = elements;
    let next = this.#parent.firstElementChild;
    for (const { element } of elements.values()) {
      if (element === next) next = next.nextElementSibling;
      else this.#parent.insertBefore(element, next);
    }
  }
}

/** Keeps the focus, also on what has the same `data-action` inside, so that a keyboard user is not thrown out by an update. */
function replace(before: HTMLElement, after: HTMLElement): void {
  const focused = before.contains(document.activeElement) ? document.activeElement : null;
  before.replaceWith(after);
  if (focused === null) return;
  const action = focused instanceof HTMLElement ? focused.dataset["action"] : undefined;
  const actions = [...after.querySelectorAll<HTMLElement>("[data-action]")];
  const same = actions.find((candidate) => action !== undefined && candidate.dataset["action"] === action);
  // The actions of a message can be seen, and have the focus, once the message has it.
  after.focus({ preventScroll: true });
  same?.focus({ preventScroll: true });
}
