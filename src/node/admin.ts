/**
 * What those who run a relay ask it over HTTP. Law: it is read and never changed here, and nothing that people write or are named by is told;
 * it is served apart from the clients' endpoint, so that nobody else reaches it.
 */

import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Registry } from "prom-client";
import type { Relay } from "../relay/relay.ts";

/** What is asked of. */
export interface AdminOptions {
  readonly relay: Relay;
  /** The metrics, as {@link relayMetrics} makes them. */
  readonly registry: Registry;
  /** Whether new connections are taken. */
  readonly isReady: () => boolean;
}

/**
 * Answers `GET` of these paths, and 404 or 405 otherwise:
 *
 * - `/metrics`: for Prometheus.
 * - `/health`: 200 while the process answers at all.
 * - `/ready`: 200 while it takes connections, 503 once it drains.
 * - `/report`: `relay.report()` as JSON: the time since the report before.
 */
export function adminListener({ relay, registry, isReady }: AdminOptions): RequestListener {
  const pages: ReadonlyMap<string, () => Page | Promise<Page>> = new Map<string, () => Page | Promise<Page>>([
    ["/metrics", async () => ({ status: 200, type: registry.contentType, body: await registry.metrics() })],
    ["/health", () => plain(200, "ok")],
    ["/ready", () => (isReady() ? plain(200, "ready") : plain(503, "draining"))],
    ["/report", () => ({ status: 200, type: "application/json", body: `${JSON.stringify(relay.report(), undefined, 2)}\n` })],
  ]);
  return (request, response) => {
    answer(request, pages).then(
      (page) => send(request, response, page),
      (error: unknown) => send(request, response, plain(500, error instanceof Error ? error.message : "failed")),
    );
  };
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

async function answer(
  { method, url = "" }: IncomingMessage,
  pages: ReadonlyMap<string, () => Page | Promise<Page>>,
): Promise<Page> {
  const page = pages.get(url.split("?", 1)[0] ?? "");
  if (page === undefined) return plain(404, `there is ${[...pages.keys()].join(", ")}`);
  if (method !== "GET" && method !== "HEAD") return plain(405, "only GET is allowed");
  return await page();
}

function plain(status: number, text: string): Page {
  return { status, type: "text/plain; charset=utf-8", body: `${text}\n` };
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body }: Page): void {
  response.writeHead(status, {
    "Content-Type": type,
    "Cache-Control": "no-store",
    ...(status === 405 && { Allow: "GET, HEAD" }),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}
