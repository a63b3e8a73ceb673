// @ts-check
/** Names in generated code. */

/** @import { DescMessage, DescField, DescOneof } from "@bufbuild/protobuf" */

/**
 * The name of a message as protoc-gen-es gives it, without its escapes: `Outer_Inner`.
 * @param {DescMessage} message
 */
export function messageName(message) {
  const prefix = message.file.proto.package === "" ? "" : `${message.file.proto.package}.`;
  return message.typeName.slice(prefix.length).replaceAll(".", "_");
}

/** `frame_codec.js` of `frame.proto`, from the root of the output. @param {{ name: string }} file */
export function codecPath(file) {
  return `./${file.name}_codec.js`;
}

/** What a variable must not be called: reserved words, and names that generated functions use themselves. */
const taken = new Set(
  (
    "break case catch class const continue debugger default delete do else enum export extends false finally for function if implements " +
    "import in instanceof interface let new null package private protected public return static super switch this throw true try " +
    "typeof var void while with yield await async of arguments eval undefined NaN Infinity Object Uint8Array Array String Number BigInt " +
    "r m b p end outer tag message names $unknown error start key value item o q encoded end_"
  ).split(" "),
);

/**
 * A variable for a field or a oneof.
 * @param {DescField | DescOneof} member
 * @param {ReadonlySet<string>} imported names of the runtime
 */
export function variable(member, imported) {
  const { localName } = member;
  return taken.has(localName) || imported.has(localName) || /^(read|write|put|take)/.test(localName)
    ? `${localName}_`
    : localName;
}
