/**
 * What a caller may give, as tables: each option has one rule, and a name without a rule is refused.
 *
 * Law: what is wrong is refused by its name when it is given, before anything has happened (UsageError OPTION_INVALID). An option that is
 * undefined is absent.
 */

import { UsageError } from "../errors.ts";
import type { Rate } from "./token-bucket.ts";

/** What a value must be, in words, where it is not; undefined where it is. */
export type Rule = (value: unknown) => string | undefined;
/** A rule for each option; for one that holds options itself, their rules. */
export type Rules<T> = Readonly<Record<keyof T, Rule | AnyRules>>;
export interface AnyRules {
  readonly [name: string]: Rule | AnyRules;
}

export const must =
  (be: string, test: (value: unknown) => boolean): Rule =>
  (value) =>
    test(value) ? undefined : `must be ${be}`;

export const anything: Rule = () => undefined;
export const text: Rule = must("a string", (value) => typeof value === "string");
export const callable: Rule = must("a function", isCallable);
export const texts: Rule = must(
  "a list of strings",
  (value) => Array.isArray(value) && value.every((each) => typeof each === "string"),
);
/** A plain object whose values are strings. */
export const textsByName: Rule = must(
  "an object of strings",
  (value) => isObject(value) && !(value instanceof Map) && Object.values(value).every((each) => typeof each === "string"),
);
export const bytes: Rule = must("a Uint8Array", (value) => value instanceof Uint8Array);
export const yesOrNo: Rule = must("true or false", (value) => typeof value === "boolean");
export const oneOf = (...names: string[]): Rule => must(`one of ${names.join(", ")}`, (value) => names.includes(value as string));
export const number = (least: number, most: number): Rule =>
  must(`a number from ${least} to ${most}`, (value) => typeof value === "number" && value >= least && value <= most);
export const whole = (least: number, most: number = Number.MAX_SAFE_INTEGER): Rule =>
  must(
    `a whole number from ${least} to ${most}`,
    (value) => Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most,
  );
/** Ms; at most what timers of all platforms take. */
export const ms = (least: number): Rule => number(least, 0x7fffffff);
/** An object that can do this. */
export const doing = (...methods: string[]): Rule =>
  must(`an object with ${methods.join(", ")}`, (value) => methods.every((name) => isCallable(Object(value)[name])));

/** A limit of rate. */
export const rate: Rules<Rate> = { perSecond: number(0.001, 1_000_000), burst: whole(1) };

/**
 * Looks at each option by its rule.
 * @param prefix - stands before its name.
 * @param required - the options that must not be absent.
 * @returns a copy, without what is absent.
 */
export function checkedBy(
  rules: AnyRules,
  options: unknown,
  what: string,
  prefix: string,
  required: readonly string[] = [],
): Record<string, unknown> {
  if (!isObject(options)) throw invalid(what, "must be an object");
  const unknown = Object.keys(options).filter((name) => !Object.hasOwn(rules, name));
  if (unknown.length > 0) {
    const names = unknown.map((name) => prefix + name).join(", ");
    throw invalid(names, `not known; ${what} may hold ${Object.keys(rules).join(", ")}`);
  }
  const checked: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    const rule = rules[name];
    if (value === undefined || rule === undefined) continue;
    const path = prefix + name;
    if (typeof rule !== "function") {
      checked[name] = checkedBy(rule, value, path, `${path}.`);
      continue;
    }
    const wrong = rule(value);
    if (wrong !== undefined) throw invalid(path, wrong);
    checked[name] = value;
  }
  for (const name of required) if (checked[name] === undefined) throw invalid(prefix + name, "is missing");
  return checked;
}

/** Looks at one value, as an argument is. @throws UsageError OPTION_INVALID. */
export function check(rule: Rule, name: string, value: unknown): void {
  const wrong = rule(value);
  if (wrong !== undefined) throw invalid(name, wrong);
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isCodec(value: unknown): boolean {
  const { subprotocol, encode, parse } = Object(value);
  return typeof subprotocol === "string" && isCallable(encode) && isCallable(parse);
}

export function isCallable(value: unknown): boolean {
  return typeof value === "function";
}

export function invalid(name: string, what: string): UsageError {
  return new UsageError("OPTION_INVALID", `${name}: ${what}`);
}
