/** The HTTP API for backends as an OpenAPI 3.1 document: made from the table of routes, so that it says what is served. */

import { type Route, routes } from "./routes.ts";
import { type Schema, schemas } from "./schemas.ts";

const whole: Schema = { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
const named: Readonly<Record<string, string>> = { room: "Name of the room.", user: "Id of the user." };

const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: Schema): Schema => ({ "application/json": { schema } });

const problems: Readonly<Record<string, string>> = {
  400: "REQUEST_INVALID, FIELD_INVALID: the request is wrong; it says where.",
  401: "UNAUTHENTICATED: the key is missing or wrong.",
  403: "FORBIDDEN: the log refuses it (LOG-8).",
  409: "TARGET_UNKNOWN: what it is about is not in the log (LOG-8).",
  413: "LIMIT_EXCEEDED: it is too long.",
  415: "REQUEST_INVALID: a body must be application/json.",
  500: "INTERNAL: a fault of the relay; the log says which.",
  503: "UNAVAILABLE, CLOSED: the broker cannot do it now, or the relay ends. Ask again after Retry-After; `processed` says whether it may have been done.",
};

function operationOf({ path, operationId, summary, description, query, body, answer }: Route): Schema {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    description: named[name],
    schema: { type: "string", minLength: 1, maxLength: 256 },
  }));
  const inQuery = Object.entries(query ?? {}).map(([name, about]) => ({ name, in: "query", description: about, schema: whole }));
  return {
    operationId,
    summary,
    description,
    parameters: [...inPath, ...inQuery],
    ...(body !== undefined && { requestBody: { required: body !== "Room", content: json(ref(body)) } }),
    responses: {
      ...(answer === undefined
        ? { 204: { description: "Done." } }
        : { 200: { description: "Done.", content: json(ref(answer)) } }),
      ...Object.fromEntries(Object.keys(problems).map((status) => [status, { $ref: `#/components/responses/${status}` }])),
    },
  };
}

/** The document; plain JSON. */
export function openApiDocument(): Schema {
  const paths: Record<string, Record<string, Schema>> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) };
  }
  const responses = Object.entries(problems).map(([status, description]) => [
    status,
    { description, content: { "application/problem+json": { schema: ref("Problem") } } },
  ]);
  return {
    openapi: "3.1.0",
    info: {
      title: "Chappe relay: HTTP API for backends",
      version: "1",
      description: "What a service asks of its relay. Any relay of those that share a broker may be asked.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ key: [] }],
    paths,
    components: {
      schemas,
      responses: Object.fromEntries(responses),
      securitySchemes: { key: { type: "http", scheme: "bearer", description: "One of the keys of the service." } },
    },
  };
}
