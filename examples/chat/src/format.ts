/** Numbers and times as people read them, in the language of the browser where that matters. */

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** Hours and minutes. */
export const timeOf = (ms: number): string => clock.format(ms);
/** The day; "Today" and "Yesterday" for the latest. */
export function dayOf(ms: number, nowMs: number): string {
  const date = new Date(ms).toDateString();
  if (date === new Date(nowMs).toDateString()) return "Today";
  if (date === new Date(nowMs - 86_400_000).toDateString()) return "Yesterday";
  return day.format(ms);
}
/** Everything, for titles. */
export const momentOf = (ms: number): string => full.format(ms);

/** Hours to milliseconds, as frames want it. */
export function preciseTimeOf(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

export function bytesOf(bytes: number): string {
  if (bytes < 10_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

export const plural = (count: number, one: string, many: string = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

/** "Ada", "Ada and Bob", "Ada, Bob and 3 others". */
export function listOf(names: readonly string[]): string {
  if (names.length <= 1) return names[0] ?? "";
  if (names.length <= 3) return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
  return `${names.slice(0, 2).join(", ")} and ${names.length - 2} others`;
}

/** How long ago, in words. */
export function agoOf(ms: number, nowMs: number): string {
  const minutes = Math.floor((nowMs - ms) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  return minutes < 24 * 60 ? `at ${timeOf(ms)}` : `on ${day.format(ms)}`;
}

/** The first characters of a text, with an ellipsis where there are more; none is cut in two. */
export function startOf(text: string, chars: number): string {
  if (text.length <= chars) return text;
  // Half of a surrogate pair is no character.
  const end = /[\uD800-\uDBFF]/.test(text.charAt(chars - 1)) ? chars - 1 : chars;
  return `${text.slice(0, end).trimEnd()}\u2026`;
}

const [longChars, longLines] = [1500, 24];
const [startChars, startLines] = [600, 10];

/** The beginning of a text that is too long to be shown among others; undefined where it is not. */
export function beginningOf(text: string): string | undefined {
  const lines = text.split("\n", longLines + 1);
  if (text.length <= longChars && lines.length <= longLines) return undefined;
  const few = lines.slice(0, startLines).join("\n");
  return few.length > startChars ? startOf(few, startChars) : `${few.trimEnd()}\u2026`;
}
