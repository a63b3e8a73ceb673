/** Which web pages may open a connection (TRN-8). */

/**
 * Whether an upgrade request with this `Origin` header is allowed.
 * @param origin undefined: the request does not come from a web page, and passes.
 * @param host the `Host` header.
 * @param allowed origins, compared as whole strings; undefined: those whose host and port are those of `host`.
 */
export function isOriginAllowed(
  origin: string | undefined,
  host: string | undefined,
  allowed: readonly string[] | undefined,
): boolean {
  if (origin === undefined) return true;
  if (allowed !== undefined) return allowed.includes(origin);
  if (host === undefined) return false;
  try {
    const url = new URL(origin);
    // `null`, and anything that is more than an origin, does not come back as it was. The scheme says which port may be left out.
    return url.origin === origin && url.host === new URL(`${url.protocol}//${host}`).host;
  } catch {
    return false;
  }
}

/** Whether this is an origin as a browser writes it: anything else would match none. */
export function isOrigin(value: unknown): boolean {
  if (typeof value !== "string") return false;
  try {
    return value === "null" || new URL(value).origin === value;
  } catch {
    return false;
  }
}
