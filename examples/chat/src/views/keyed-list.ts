/** A list that follows its rows: elements are kept by key, made again where what they show has changed, and moved where the order has. */

export interface Row {
  readonly key: string;
  /** Everything that the element shows, compared one by one: while all are the same, the element is kept. */
  readonly facts: readonly Fact[];
  readonly build: () => HTMLElement;
}

type Fact = string | number | boolean | undefined;

interface Kept {
  readonly element: HTMLElement;
  readonly facts: readonly Fact[];
}

export class KeyedList {
  readonly #parent: HTMLElement;
  #elements: Map<string, Kept> = new Map();

  constructor(parent: HTMLElement) {
    this.#parent = parent;
  }

  render(rows: readonly Row[]): void {
    const elements = new Map<string, Kept>();
    for (const { key, facts, build } of rows) {
      const known = this.#elements.get(key);
      if (known !== undefined && isSame(known.facts, facts)) {
        elements.set(key, known);
        continue;
      }
      const element = build();
      if (known !== undefined) replace(known.element, element);
      elements.set(key, { element, facts });
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

function isSame(a: readonly Fact[], b: readonly Fact[]): boolean {
  return a.length === b.length && a.every((fact, index) => fact === b[index]);
}

/** Keeps the focus, also on what has the same `data-action` inside, so that a keyboard user is not thrown out by an update. */
function replace(before: HTMLElement, after: HTMLElement): void {
  const focused = before.contains(document.activeElement) ? document.activeElement : null;
  before.replaceWith(after);
  if (focused === null) return;
  const action = focused instanceof HTMLElement ? focused.dataset["action"] : undefined;
  // The actions of a message are there, and can have the focus, once the message has it.
  after.focus({ preventScroll: true });
  const actions = [...after.querySelectorAll<HTMLElement>("[data-action]")];
  const same = actions.find((candidate) => action !== undefined && candidate.dataset["action"] === action);
  same?.focus({ preventScroll: true });
}
