/** What generated checks are made of: each gives the rule that a value breaks, or undefined. Nothing is allocated where none is broken. */

/** A field that is not as the schema demands. */
export interface Violation {
  /**
   * Its path by names in the schema, as `page.entries[2].id`. Of a map the path names the map alone: a key is the peer's text, of any
   * length and content.
   */
  readonly field: string;
  /** The rule, for people. */
  readonly rule: string;
}

export function broken(field: string, rule: string): Violation {
  return { field, rule };
}

/** A violation within a field. */
export function below(name: string, { field, rule }: Violation): Violation {
  return { field: `${name}.${field}`, rule };
}

/** A violation within an element of a list. */
export function belowAt(name: string, index: number, violation: Violation): Violation {
  return below(`${name}[${index}]`, violation);
}

/** The name of a list's element. */
export function at(name: string, index: number): string {
  return `${name}[${index}]`;
}

/** Text that has a form in UTF-8, of so many bytes; both bounds inclusive. */
export function checkText(name: string, value: string, min: number, max: number): Violation | undefined {
  if (typeof value === "string" && value.length >= min && 3 * value.length <= max && isWellFormed(value)) return undefined;
  const length = typeof value === "string" ? utf8Length(value) : -1;
  if (length < 0) return broken(name, "is not well-formed text");
  return length < min || length > max ? broken(name, `${length} bytes`) : undefined;
}

/** So many bytes; both bounds inclusive. */
export function checkBytes(name: string, value: Uint8Array, min: number, max: number): Violation | undefined {
  if (!(value instanceof Uint8Array)) return broken(name, "is not a Uint8Array");
  return value.length < min || value.length > max ? broken(name, `${value.length} bytes`) : undefined;
}

/** An integer in this range; both bounds inclusive. */
export function checkInteger(name: string, value: number | bigint, min: number, max: number): Violation | undefined {
  return value < min || value > max ? broken(name, `is ${value}`) : undefined;
}

/** So many elements or entries; both bounds inclusive. */
export function checkCount(
  name: string,
  count: number,
  min: number,
  max: number,
  what: "elements" | "entries",
): Violation | undefined {
  return count < min || count > max ? broken(name, `${count} ${what}`) : undefined;
}

function isWellFormed(text: string & { isWellFormed?(): boolean }): boolean {
  return text.isWellFormed?.() ?? utf8Length(text) >= 0;
}

/** Bytes of `text` in UTF-8; −1 where it holds half of a surrogate pair, which has no such form. */
function utf8Length(text: string): number {
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) length += 1;
    else if (unit < 0x800) length += 2;
    else if (unit < 0xd800 || unit > 0xdfff) length += 3;
    else {
      const next = text.charCodeAt(++i);
      // `!(>=)` rather than `<`: past the end it is NaN.
      if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return -1;
      length += 4;
    }
  }
  return length;
}
