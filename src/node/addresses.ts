/**
 * From which address a request comes. Law: what a request says of its way is believed only as far as proxies that are
 * trusted have written it, from the last hop backwards; a host that has many addresses of one network counts as one.
 */

import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";

/** Addresses and networks, as `10.0.0.0/8` or `::1`. */
export class Networks {
  readonly #list = new BlockList();

  /** @param names - each passes {@link isNetwork}. */
  constructor(names: readonly string[]) {
    for (const name of names) {
      const [address = "", bits] = name.split("/", 2);
      const family = familyOf(address);
      if (bits === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(bits), family);
    }
  }

  has(address: string): boolean {
    return isIP(address) > 0 && this.#list.check(address, familyOf(address));
  }
}

/** Whether this is an address, or a network as `10.0.0.0/8`. */
export function isNetwork(name: unknown): boolean {
  if (typeof name !== "string") return false;
  const [address = "", bits, ...more] = name.split("/");
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/**
 * The address that a request comes from: that of its connection or, where that is a trusted proxy, the last one of `X-Forwarded-For` that is
 * none; empty where it is not known.
 */
export function addressOf({ socket, headers }: Pick<IncomingMessage, "socket" | "headers">, proxies: Networks): string {
  let address = plain(socket.remoteAddress ?? "");
  const hops = [headers["x-forwarded-for"] ?? []].flat().join(",").split(",");
  for (let hop = hops.pop(); hop !== undefined && proxies.has(address); hop = hops.pop()) {
    const before = plain(hop.trim());
    // What is no address was not written by a proxy that knows its peer.
    if (isIP(before) === 0) break;
    address = before;
  }
  return address;
}

/** An IPv4 address that an IPv6 socket shows is one all the same. */
function plain(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  return mapped?.[1] ?? address.replace(/%.*$/, "");
}

/** What counts as one host: of IPv6 the network of 64 bits, which is what one customer has. */
export function hostOf(address: string): string {
  if (isIP(address) !== 6) return address;
  // "::" stands for as many zeros as are missing.
  const [before = [], after = []] = address.split("::", 2).map((half) => (half === "" ? [] : half.split(":")));
  const zeros = new Array<string>(Math.max(0, 8 - before.length - after.length)).fill("0");
  const first = [...before, ...zeros, ...after].slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${first.join(":")}::/64`;
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}
