/** Who this tab is, and which rooms it has: in the tab's own storage, so that two tabs can be two people. Never a secret, never a query. */

export interface Settings {
  readonly name: string;
  readonly rooms: readonly string[];
  readonly active: string;
}

const key = "chappe-chat";

/** A name that the demo's relay takes; undefined where it would not. */
export function cleanName(text: string): string | undefined {
  const name = text.normalize("NFC").trim().replace(/\s+/g, " ");
  return name.length >= 1 && name.length <= 32 && !/\p{C}/u.test(name) ? name : undefined;
}

/** A room name as it can be joined; undefined for one that cannot be (ROM-1, ROM-2). */
export function cleanRoom(text: string): string | undefined {
  const name = text.trim().replace(/^#/, "");
  const bytes = new TextEncoder().encode(name).length;
  return bytes >= 1 && bytes <= 256 && !name.startsWith("@") && !/\p{C}/u.test(name) ? name : undefined;
}

/** `#name=ada&room=lobby`: what a link proposes. */
export function fromHash(hash: string): { name: string | undefined; room: string | undefined } {
  const params = new URLSearchParams(hash.replace(/^#\??/, ""));
  return { name: cleanName(params.get("name") ?? ""), room: cleanRoom(params.get("room") ?? "") };
}

/** What the tab remembers; undefined where nobody has signed in. */
export function load(): Settings | undefined {
  try {
    const value: unknown = JSON.parse(sessionStorage.getItem(key) ?? "null");
    if (typeof value !== "object" || value === null || !("name" in value) || !("rooms" in value)) return undefined;
    const name = cleanName(String(value.name));
    const rooms = Array.isArray(value.rooms) ? value.rooms.flatMap((room) => cleanRoom(String(room)) ?? []) : [];
    const active = "active" in value ? String(value.active) : "";
    return name === undefined || rooms.length === 0 ? undefined : { name, rooms, active };
  } catch {
    return undefined;
  }
}

let saved: string | undefined;

/** Costs nothing where it is as it was. */
export function save(settings: Settings | undefined): void {
  const value = JSON.stringify(settings);
  if (settings !== undefined && value === saved) return;
  saved = value;
  try {
    if (value === undefined) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, value);
  } catch {
    // Storage may be forbidden: the tab then asks for the name again after a reload.
  }
}
