/** Maps and `google.protobuf.Struct`: peers choose the keys, so a key is never more than a property of its own (`__proto__` too). */

/** Names of the fields of a map's entry. */
export const entryNames = "key value";

/** Sets an entry of a map. */
export function setEntry<V>(map: { [key: string]: V }, key: string, value: V): void {
  if (key === "__proto__") Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
  else map[key] = value;
}

/** The map with each of its values made into another. */
export function mapEntries<V, W>(map: { readonly [key: string]: V }, make: (value: V) => W): { [key: string]: W } {
  const made: { [key: string]: W } = {};
  for (const key of Object.keys(map)) setEntry(made, key, make(map[key] as V));
  return made;
}

/** A value in JSON. */
type Json = null | string | number | boolean | readonly Json[] | { readonly [key: string]: Json };

/** As protobuf-es has `google.protobuf.Struct` and what it is made of. */
interface StructMessage {
  $typeName: "google.protobuf.Struct";
  fields: { [key: string]: ValueMessage };
}
/** See {@link StructMessage}. */
interface ValueMessage {
  $typeName: "google.protobuf.Value";
  kind:
    | { case: "nullValue"; value: 0 }
    | { case: "numberValue"; value: number }
    | { case: "stringValue"; value: string }
    | { case: "boolValue"; value: boolean }
    | { case: "structValue"; value: StructMessage }
    | { case: "listValue"; value: { $typeName: "google.protobuf.ListValue"; values: ValueMessage[] } }
    | { case: undefined; value?: undefined };
}

/** A field of type Struct holds a JSON object; this is the message that it stands for. */
export function fromStruct(json: { readonly [key: string]: Json }): StructMessage {
  const fields: StructMessage["fields"] = {};
  for (const key of Object.keys(json)) setEntry(fields, key, fromJson(json[key] as Json));
  return { $typeName: "google.protobuf.Struct", fields };
}

function fromJson(json: Json): ValueMessage {
  return { $typeName: "google.protobuf.Value", kind: kindOf(json) };
}

function kindOf(json: Json): ValueMessage["kind"] {
  if (json === null) return { case: "nullValue", value: 0 };
  if (typeof json === "number") return { case: "numberValue", value: json };
  if (typeof json === "string") return { case: "stringValue", value: json };
  if (typeof json === "boolean") return { case: "boolValue", value: json };
  if (Array.isArray(json)) {
    return { case: "listValue", value: { $typeName: "google.protobuf.ListValue", values: json.map(fromJson) } };
  }
  if (typeof json === "object") return { case: "structValue", value: fromStruct(json as { readonly [key: string]: Json }) };
  return { case: undefined };
}

/** The reverse of {@link fromStruct}. `T`: the type that protobuf-es gives such an object, which this module cannot name. */
export function toStruct<T extends object>(struct: StructMessage): T {
  const json: { [key: string]: Json } = {};
  for (const key of Object.keys(struct.fields)) setEntry(json, key, toJson(struct.fields[key] as ValueMessage));
  return json as T;
}

function toJson({ kind }: ValueMessage): Json {
  switch (kind.case) {
    case "structValue":
      return toStruct<{ readonly [key: string]: Json }>(kind.value);
    case "listValue":
      return kind.value.values.map(toJson);
    case "nullValue":
    case undefined:
      return null;
    default:
      return kind.value;
  }
}
