/**
 * Serves the HTTP API for backends. Law: nothing is read of a request whose key is wrong; what is asked is checked by the schemas of the
 * document; each failure is a problem (RFC 9457) with a stable code, and says no more of the cause than its asker may know.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import type { RequestListener } from "node:http";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { type ErrorCodeName, ProtocolError, UsageError } from "../../errors.ts";
import type { Logger } from "../../relay/options.ts";
import type { Relay } from "../../relay/relay.ts";
import { checkedBy, invalid, must } from "../../session/option-rules.ts";
import { loadFastify } from "../optional.ts";
import { openApiDocument } from "./openapi.ts";
import { type Route, routes } from "./routes.ts";
import { schemas } from "./schemas.ts";

/** What the API is served with. */
export interface BackendApiOptions {
  readonly relay: Relay;
  /** Who asks gives one of these as `Authorization: Bearer`; each of at least 32 printable characters of ASCII without a space. Several, to change them one after the other. */
  readonly keys: readonly string[];
  /** Where faults go that the asker is told nothing of; by default nowhere. */
  readonly log?: Pick<Logger, "error">;
}

/** Fewest characters of a key. */
export const leastKey = 32;

/** Whether it may be a key. */
export function isApiKey(key: unknown): key is string {
  return typeof key === "string" && key.length >= leastKey && key.length <= 1024 && /^[\x21-\x7e]+$/.test(key);
}

/**
 * A listener for `http.createServer`: the API of docs/openapi.json, and the document itself at `/openapi.json`. Needs the package fastify.
 * @throws UsageError OPTION_INVALID, DEPENDENCY_MISSING.
 */
export async function backendApi(options: BackendApiOptions): Promise<RequestListener> {
  const { relay, keys, log } = options;
  checkedBy(
    { relay: must("a Relay", isObjectLike), keys: must("a list of keys", Array.isArray), log: must("a Logger", isObjectLike) },
    options,
    "options",
    "",
  );
  if (keys.length === 0 || !keys.every(isApiKey)) {
    throw invalid("keys", `must be at least one, each of ${leastKey} to 1024 printable characters without a space`);
  }
  const digests = keys.map(digest);
  const isKey = (header: string | undefined): boolean => {
    const given = digest(/^bearer +([\x21-\x7e]+) *$/i.exec(header ?? "")?.[1] ?? "");
    return digests.filter((known) => timingSafeEqual(known, given)).length > 0;
  };

  const { fastify } = await loadFastify();
  const app = fastify({
    logger: false,
    // A body in JSON takes more than the frame that is made of it.
    bodyLimit: 2 * relay.frameBytes,
    routerOptions: { maxParamLength: 2048 },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false } },
    // Such names are for nobody to use: the body is refused, not mended.
    onProtoPoisoning: "error",
    onConstructorPoisoning: "error",
    // What fails before there is a route.
    frameworkErrors: (error, _request, reply) => {
      tell(reply as FastifyReply, problemOf(error));
    },
  });
  app.removeContentTypeParser("text/plain");
  for (const [name, schema] of Object.entries(schemas)) app.addSchema({ ...schema, $id: `${base}${name}` });

  app.addHook("onRequest", async (request: FastifyRequest, reply: FastifyReply) => {
    if (request.url === documentPath || isKey(request.headers.authorization)) return undefined;
    reply.header("WWW-Authenticate", 'Bearer realm="chappe"');
    return tell(reply, { status: 401, code: "UNAUTHENTICATED", detail: "the key is missing or wrong" });
  });
  app.get(documentPath, () => openApiDocument());
  for (const route of routes) {
    app.route({
      method: route.method,
      url: route.path.replace(/\{(\w+)\}/g, ":$1"),
      schema: schemaOf(route),
      // Who has nothing more to say may leave the body away.
      preValidation: async (request) => {
        if (route.body === "Room") request.body ??= {};
      },
      handler: async (request, reply) => {
        const { params, query, body } = request as {
          params: Record<string, string>;
          query: Record<string, string>;
          body: unknown;
        };
        const answer = await route.run(relay, { params, query, body });
        reply.header("Cache-Control", "no-store");
        return answer === undefined ? reply.code(204).send() : answer;
      },
    });
  }
  app.setNotFoundHandler((_request, reply) =>
    tell(reply, { status: 404, code: "NOT_FOUND", detail: `there is no such path or method: see ${documentPath}` }),
  );
  app.setErrorHandler((error, _request, reply) => {
    const problem = problemOf(error);
    if (problem.status === 500) log?.error("failed", { what: "api", error });
    if (problem.retryAfterMs !== undefined)
      reply.header("Retry-After", String(Math.max(1, Math.ceil(problem.retryAfterMs / 1000))));
    return tell(reply, problem);
  });
  await app.ready();
  return (request, response) => app.routing(request, response);
}

const documentPath = "/openapi.json";
const base = "chappe:";

function isObjectLike(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function digest(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}

/** What a query holds is text. */
const digits = { type: "string", pattern: "^(0|[1-9]\\d{0,14})$" };

function schemaOf({ query = {}, body }: Route): object {
  return {
    querystring: {
      type: "object",
      additionalProperties: false,
      properties: Object.fromEntries(Object.keys(query).map((name) => [name, digits])),
    },
    ...(body !== undefined && { body: { $ref: `${base}${body}` } }),
  };
}

interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly processed?: string;
  readonly retryAfterMs?: number;
}

const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

function tell(reply: FastifyReply, { status, code, detail, processed = "no" }: Problem): FastifyReply {
  const body = JSON.stringify({ title: titles[status] ?? "Error", status, detail, code, processed });
  return reply.code(status).header("Cache-Control", "no-store").type("application/problem+json").serializer(String).send(body);
}

const statuses: Partial<Record<ErrorCodeName, number>> = {
  FIELD_INVALID: 400,
  UTF8_INVALID: 400,
  FORBIDDEN: 403,
  ROOM_UNAVAILABLE: 403,
  TARGET_UNKNOWN: 409,
  LIMIT_EXCEEDED: 413,
  FRAME_TOO_LARGE: 413,
  RATE_LIMITED: 503,
  UNAVAILABLE: 503,
  GOING_AWAY: 503,
};

function problemOf(error: unknown): Problem {
  if (error instanceof ProtocolError) {
    const { code, field, message, processed, retryAfterMs } = error;
    const status = statuses[code];
    if (status === undefined) return fault;
    const detail = field === undefined || message.startsWith(field) ? message : `${field}: ${message}`;
    return { status, code, detail, processed, ...(status === 503 && { retryAfterMs: retryAfterMs || 1000 }) };
  }
  if (error instanceof UsageError) {
    if (error.code === "CLOSED") return { status: 503, code: "CLOSED", detail: "the relay ends", retryAfterMs: 1000 };
    return error.code === "OPTION_INVALID" ? { status: 400, code: "REQUEST_INVALID", detail: error.message } : fault;
  }
  // Those of the library: of the request, where they are below 500.
  const { statusCode = 500, message = "", validation } = Object(error) as Partial<FastifyError>;
  if (statusCode >= 500) return fault;
  const status = titles[statusCode] === undefined ? 400 : statusCode;
  const unknown = validation?.[0]?.params["additionalProperty"];
  const detail = unknown === undefined ? message : `${message}: ${JSON.stringify(unknown)}`;
  return { status, code: status === 413 ? "LIMIT_EXCEEDED" : "REQUEST_INVALID", detail };
}

const fault: Problem = { status: 500, code: "INTERNAL", detail: "a fault of the relay", processed: "maybe" };
