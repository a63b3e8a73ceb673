/** Which hosts are this machine: the one judgement of where a token may go unencrypted (TRN-10), and of who can reach an address. */

/** Whether a host, as an address or as a URL names it, is this machine alone (RFC 6761, RFC 5735, RFC 4291). */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i.test(host);
}
