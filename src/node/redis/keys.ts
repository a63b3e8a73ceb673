/** Names of keys, and bytes as the client takes them. */

/** All keys of a room are of one slot: what is in braces decides that, and a name with braces must not. */
export function tagOf(prefix: string, room: string): string {
  return `${prefix}:{${room.replace(/[%{}]/g, (char) => `%${char.charCodeAt(0).toString(16)}`)}}`;
}

export function channelOf(prefix: string, room: string): string {
  return `${tagOf(prefix, room)}:channel`;
}

export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
