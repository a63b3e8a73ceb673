/**
 * Whether two messages are the same, exactly: own properties and what a prototype adds, NaN and -0, bytes, unknown fields. Stricter and
 * faster than an assertion library: an absent property is not an undefined one.
 */

/** Where and how `actual` differs from `expected`, in one line; undefined where it does not. */
export function difference(actual: unknown, expected: unknown, path = "message"): string | undefined {
  if (Object.is(actual, expected)) return undefined;
  if (!isObject(actual) || !isObject(expected)) return `${path}: ${show(actual)} instead of ${show(expected)}`;
  if (actual instanceof Uint8Array || expected instanceof Uint8Array) return bytesDifference(actual, expected, path);
  if (Array.isArray(actual) !== Array.isArray(expected)) return `${path}: ${show(actual)} instead of ${show(expected)}`;
  const keys = Object.keys(expected);
  const own = Object.keys(actual);
  const missing = keys.filter((key) => !Object.hasOwn(actual, key));
  if (missing.length > 0) return `${path}: has no own ${missing.join(", ")}`;
  const excess = own.filter((key) => !Object.hasOwn(expected, key));
  if (excess.length > 0) return `${path}: has also ${excess.map((key) => `${key}: ${show(actual[key])}`).join(", ")}`;
  for (const key of keys) {
    const found = difference(actual[key], expected[key], Array.isArray(expected) ? `${path}[${key}]` : `${path}.${key}`);
    if (found !== undefined) return found;
  }
  const [a, b] = [Object.getPrototypeOf(actual), Object.getPrototypeOf(expected)] as object[];
  // protobuf-es gives each type whose fields have presence a prototype of its own, with their default values.
  return a === b ? undefined : difference({ ...a }, { ...b }, `${path}.[[Prototype]]`);
}

function bytesDifference(actual: unknown, expected: unknown, path: string): string | undefined {
  const same =
    actual instanceof Uint8Array &&
    expected instanceof Uint8Array &&
    actual.length === expected.length &&
    actual.every((byte, i) => byte === expected[i]);
  return same ? undefined : `${path}: ${show(actual)} instead of ${show(expected)}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function show(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value.subarray(0, 40)).toString("hex")} (${value.length})`;
  if (isObject(value))
    return Array.isArray(value) ? `an array of ${value.length}` : `an object of ${Object.keys(value).join(", ")}`;
  return Object.is(value, -0) ? "-0" : String(JSON.stringify(value) ?? value);
}
