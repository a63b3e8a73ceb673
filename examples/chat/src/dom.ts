/** Elements from values. Law: text becomes a text node; nothing here, nor anywhere in the page, parses markup. */

type Value = string | number | boolean | undefined | ((event: Event) => void);
type Child = Node | string | undefined;

const svgNamespace = "http://www.w3.org/2000/svg";

function fill<E extends Element>(element: E, props: Readonly<Record<string, Value>>, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** An element: attributes by name, listeners by `on` and the event's name. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Readonly<Record<string, Value>> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), props, children);
}

/** An element of a drawing. */
export function s(tag: string, props: Readonly<Record<string, Value>> = {}, ...children: Child[]): SVGElement {
  return fill(document.createElementNS(svgNamespace, tag), props, children);
}

/** The element with this id. @throws Error where the page has none of this kind. */
export function byId<E extends Element>(id: string, kind: abstract new () => E): E {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`the page has no #${id} of this kind`);
  return element;
}

/** Sets the text only where it differs, so that nothing is announced or laid out in vain. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Icons, as paths on a grid of 16. */
const icons = {
  close: "M4 4l8 8M12 4l-8 8",
  send: "M2.5 8h10M8.5 3.5 13 8l-4.5 4.5",
  frames: "M2 4h8M6 8h8M2 12h8",
  leave: "M6 3H3v10h3M7 8h6M10.5 5.5 13 8l-2.5 2.5",
  plus: "M8 3v10M3 8h10",
  down: "M8 3v10M4 9l4 4 4-4",
  queued: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M8 5v3.2l2.2 1.3",
  sent: "M3 8h9M8.5 4.5 12 8l-3.5 3.5",
  stored: "M3.5 8.5l3 3 6-7",
  delivered: "M1.5 8.5l3 3 5.5-7M7.5 11.5 8 12l6.5-7.5",
  read: "M1.5 8s2.4-4 6.5-4 6.5 4 6.5 4-2.4 4-6.5 4S1.5 8 1.5 8M8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6",
  failed: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M8 5v3.5M8 10.8v.2",
} as const;

export type IconName = keyof typeof icons;

/** An icon, for the eye alone: what it means stands beside it as text or label. */
export function icon(name: IconName): SVGElement {
  return s("svg", { class: `icon icon-${name}`, viewBox: "0 0 16 16", "aria-hidden": "true" }, s("path", { d: icons[name] }));
}
