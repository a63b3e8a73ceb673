/**
 * The address of a relay: a strict part of RFC 3986 and RFC 6455, 3, read without the platform's URL, which React Native has in part only.
 *
 * Law: what passes here every platform's WebSocket takes, and to the same machine. (Whether a label that begins with `xn--` is a name is
 * left to the platform.)
 */

/** An address, in its parts. */
export interface RelayUrl {
  readonly scheme: "ws" | "wss";
  /** As it stands; an IPv6 address in its brackets. */
  readonly host: string;
  /** The whole, with the scheme in lower case. */
  readonly href: string;
}

const parts = /^(wss?):\/\/(\[[0-9a-f:.]*\]|[\w.-]*)(?::(\d*))?(\/[^?#]*)?(\?[^#]*)?$/i;
/** What RFC 3986 allows in a path and a query. */
const rest = /^(?:[\w.~!$&'()*+,;=:@/?-]|%[0-9a-f]{2})*$/i;
const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;
const byte = /^(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])$/;
const group = /^[0-9a-f]{1,4}$/i;

/** The address; or what is wrong with it, in words. */
export function parseRelayUrl(url: string): RelayUrl | string {
  if (!/^wss?:\/\//i.test(url)) return "must begin with ws:// or wss://";
  // What stands before an @ only looks like the machine that is reached.
  if (/^wss?:\/\/[^/?#]*@/i.test(url)) return "must not hold a user or a password";
  if (url.includes("#")) return "must not hold a fragment (RFC 6455, 3)";
  const [, scheme = "", host = "", port, path = "", query = ""] = parts.exec(url) ?? [];
  if (!isHost(host)) return "must name a host: a name in ASCII, an IPv4 address, or an IPv6 address in brackets";
  if (port !== undefined && !(/^[1-9]\d{0,4}$/.test(port) && Number(port) <= 65_535))
    return "must have a port from 1 to 65535, or none";
  if (!rest.test(path + query)) return "must hold no characters in its path and query that RFC 3986 does not allow";
  const lower = scheme.toLowerCase() as RelayUrl["scheme"];
  return { scheme: lower, host, href: lower + url.slice(scheme.length) };
}

function isHost(host: string): boolean {
  if (host.startsWith("[")) return isIpv6(host.slice(1, -1));
  const labels = host.replace(/\.$/, "").split(".");
  // A name that ends in a number is read as an IPv4 address, in forms that few expect.
  if (/^(?:\d+|0x[0-9a-f]*)$/i.test(labels.at(-1) ?? ""))
    return !host.endsWith(".") && labels.length === 4 && labels.every((part) => byte.test(part));
  return host.length <= 253 && labels.every((part) => label.test(part));
}

/** RFC 4291, 2.2. */
function isIpv6(address: string): boolean {
  const [head = "", tail, ...more] = address.split("::");
  if (more.length > 0) return false;
  const groups = [head, tail ?? ""].flatMap((half) => (half === "" ? [] : half.split(":")));
  const last = groups.at(-1) ?? "";
  const isMixed = last.includes(".") && !address.endsWith("::");
  const plain = isMixed ? groups.slice(0, -1) : groups;
  if (isMixed && !isIpv4(last)) return false;
  const count = plain.length + (isMixed ? 2 : 0);
  return plain.every((part) => group.test(part)) && (tail === undefined ? count === 8 : count <= 7);
}

function isIpv4(address: string): boolean {
  const bytes = address.split(".");
  return bytes.length === 4 && bytes.every((part) => byte.test(part));
}
