// @ts-check
/** Names in generated code. */

/** @import { DescMessage } from "@bufbuild/protobuf" */

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

/** The property that the runtime takes for a field of this name, as protobuf-es does but for a few. @param {string} name */
export function camelCase(name) {
  return name.replace(/_+(.?)/g, (_, letter) => letter.toUpperCase());
}
