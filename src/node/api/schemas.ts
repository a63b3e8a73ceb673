/** What goes over the HTTP API, as JSON Schema: requests are checked by the very schemas that the OpenAPI document shows. */

/** A schema of JSON, as OpenAPI 3.1 takes it. */
export type Schema = Readonly<Record<string, unknown>>;

const text = (description: string, most: number): Schema => ({ type: "string", maxLength: most, description });

const id: Schema = {
  type: "string",
  pattern: "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
  description: "Id of a message: 16 bytes in the text form of a UUID, lower case (MID-5).",
};

const offset: Schema = { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER };

/** An object with these properties and no others. */
function object(properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema {
  return { type: "object", additionalProperties: false, properties, ...(required.length > 0 && { required }) };
}

const texts: Schema = { type: "object", additionalProperties: { type: "string" } };

const profile = object({
  displayName: text("How the user is shown.", 256),
  avatarUri: text("Address of a picture.", 2048),
  attributes: { ...texts, maxProperties: 16, description: "For applications." },
});

const content: Schema = {
  ...object({
    text: { type: "string", description: "What is said. Give either this or data." },
    data: { type: "string", contentEncoding: "base64", pattern: "^[A-Za-z0-9+/]*={0,2}$", description: "Bytes, in base64." },
    contentType: text("What the content is, as text/markdown.", 127),
    headers: { ...texts, maxProperties: 32, description: "Names and values, for applications." },
  }),
  oneOf: [{ required: ["text"] }, { required: ["data"] }],
};

const kinds = ["content", "edit", "reaction", "redaction"];

const receivedContent = object({
  text: { type: "string" },
  data: { type: "string", contentEncoding: "base64" },
  contentType: { type: "string" },
  headers: texts,
});

export type SchemaName = "Publish" | "Stored" | "Message" | "History" | "Members" | "Signal" | "Room" | "Problem";

/** The named schemas, under `components.schemas`. */
export const schemas: Readonly<Record<SchemaName, Schema>> = {
  Publish: object({
    id: {
      ...id,
      description:
        "Give it where the request may be repeated: an id of this sender that is retained is not stored twice (PUB-14). A new one by default.",
    },
    sender: text("User in whose name; the service itself by default.", 256),
    profile,
    kind: { type: "string", enum: kinds, default: "content" },
    content,
    target: { ...id, description: "Id of the message that an edit, reaction or redaction is about." },
  }),
  Stored: object(
    {
      id,
      offset: { ...offset, description: "Place in the log of the room." },
      timeMs: { ...offset, description: "When it was stored, in ms since 1970." },
    },
    ["id", "offset", "timeMs"],
  ),
  Message: object(
    {
      offset,
      id,
      sender: { type: "string", description: "User; empty: the service itself." },
      profile,
      timeMs: offset,
      kind: { type: "string", enum: [...kinds, "tombstone", "unknown"] },
      content: receivedContent,
      target: id,
    },
    ["offset", "id", "sender", "timeMs", "kind"],
  ),
  History: object(
    {
      epoch: { ...offset, description: "Of the log: offsets of another epoch are of another log (LOG-3)." },
      firstRetained: { ...offset, description: "Offset of the oldest entry that is kept." },
      head: { ...offset, description: "Offset of the latest entry." },
      messages: { type: "array", items: { $ref: "#/components/schemas/Message" }, description: "Ascending, without a hole." },
    },
    ["epoch", "firstRetained", "head", "messages"],
  ),
  Members: object(
    {
      count: { type: "integer", minimum: 0 },
      members: {
        type: "array",
        maxItems: 1000,
        items: object({ user: { type: "string" }, profile }, ["user"]),
        description: "Those who came first; at most 1000.",
      },
    },
    ["count", "members"],
  ),
  Signal: object({ name: { type: "string", minLength: 1, maxLength: 128, description: "Name of the event." }, content }, [
    "name",
  ]),
  Room: object({ room: { type: "string", minLength: 1, maxLength: 256, description: "This room alone; without: all." } }),
  Problem: {
    type: "object",
    description: "Why a request was not done (RFC 9457).",
    properties: {
      title: { type: "string" },
      status: { type: "integer" },
      detail: { type: "string" },
      code: {
        type: "string",
        description: "Stable: an error code of the protocol, or UNAUTHENTICATED, NOT_FOUND, REQUEST_INVALID, CLOSED.",
      },
      processed: { type: "string", enum: ["no", "maybe", "yes"], description: "Whether it has been done." },
    },
    required: ["title", "status", "detail", "code", "processed"],
  },
};
