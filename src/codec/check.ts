/** What generated checks are made of: each gives the rule that a value breaks, or undefined. Nothing is allocated where none is broken. */

/** A field that is not as the schema demands. */
export interface Violation {
  /**
   * Its path by names in the schema, as `page.entries[2].id`; empty where a rule of the whole message is broken. Of a map the path names
   * the map alone: a key is the peer's text, of any length and content.
   */
  readonly field: string;
  /** The stable id of the rule, as protovalidate has it: `string.max_bytes`; of text that UTF-8 has no form for, `string.well_formed`. */
  readonly rule: string;
  /** What is wrong with it, for people. */
  readonly message: string;
}

/** What a message, or another value, breaks; its path begins within it. */
export type Check<T> = (value: T) => Violation | undefined;

/** The id of a rule, and the bounds that it sets; both inclusive. */
export type Range<T> = readonly [rule: string, min: T, max: T];

export function broken(field: string, rule: string, message: string): Violation {
  return { field, rule, message };
}

/** A violation within a field, where there is one. */
export function below(name: string, violation: Violation | undefined): Violation | undefined {
  if (violation === undefined) return undefined;
  const { field, rule, message } = violation;
  return broken(field === "" ? name : `${name}.${field}`, rule, message);
}

export function unless(holds: boolean, field: string, rule: string, message: string): Violation | undefined {
  return holds ? undefined : broken(field, rule, message);
}

/** What must be set. */
export function present(field: string, isSet: boolean): Violation | undefined {
  return unless(isSet, field, "required", "is required");
}

/** Not for NaN, which is in no range. */
export function numberIn(field: string, value: number, [rule, min, max]: Range<number>): Violation | undefined {
  return value >= min && value <= max ? undefined : broken(field, rule, `is not ${bounds(min, max)}`);
}

/** As {@link numberIn}; two functions, for each is fast where it sees but one type. */
export function bigintIn(field: string, value: bigint, [rule, min, max]: Range<bigint>): Violation | undefined {
  return value >= min && value <= max ? undefined : broken(field, rule, `is not ${bounds(min, max)}`);
}

/** A list of so many elements, both bounds inclusive, each of which is looked at. */
export function listIn<T>(field: string, list: readonly T[], min: number, max: number, check?: Check<T>): Violation | undefined {
  const { length } = list;
  if (length < min || length > max)
    return broken(field, length < min ? "repeated.min_items" : "repeated.max_items", `has not ${bounds(min, max)} elements`);
  if (check === undefined) return undefined;
  for (let i = 0; i < length; i++) {
    const violation = check(list[i] as T);
    if (violation !== undefined) return below(`${field}[${i}]`, violation);
  }
  return undefined;
}

/** A map of so many entries, both bounds inclusive. Keys are text in an object, also those that their type says are numbers. */
export function mapIn<T>(
  field: string,
  map: { readonly [key: string]: T } | { readonly [key: number]: T },
  min: number,
  max: number,
  checkKey?: Check<string>,
  checkValue?: Check<T>,
): Violation | undefined {
  const keys = Object.keys(map);
  const { length } = keys;
  if (length < min || length > max)
    return broken(field, length < min ? "map.min_pairs" : "map.max_pairs", `has not ${bounds(min, max)} entries`);
  for (const key of keys) {
    const violation = checkKey?.(key) ?? checkValue?.((map as { readonly [key: string]: T })[key] as T);
    if (violation !== undefined) return below(field, violation);
  }
  return undefined;
}

/** A list in which no element equals an earlier one. NaN equals nothing, −0 equals 0; bytes are equal where they hold the same. */
export function unique(field: string, list: readonly (number | bigint | string | boolean | Uint8Array)[]): Violation | undefined {
  const seen = new Set<number | bigint | string | boolean>();
  for (const item of list) {
    const key = item instanceof Uint8Array ? latin1(item) : item;
    if (seen.has(key)) return broken(field, "repeated.unique", "has an element twice");
    if (!Number.isNaN(key)) seen.add(key);
  }
  return undefined;
}

/** Bytes as a string that no other bytes have. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** A range in words. */
export function bounds(min: number | bigint, max: number | bigint): string {
  if (min === max) return `${min}`;
  return max === Infinity ? `at least ${min}` : min === -Infinity ? `at most ${max}` : `${min} to ${max}`;
}
