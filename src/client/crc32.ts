/** The checksum CRC-32 (ISO-HDLC, as zlib has it), of a text's UTF-16 units, low byte first. It finds damage, not malice. */

const table: Uint32Array = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** @returns 0 to 2^32−1. */
export function crc32(text: string): number {
  let crc = 0xffffffff;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    crc = (table[(crc ^ unit) & 0xff] as number) ^ (crc >>> 8);
    crc = (table[(crc ^ (unit >>> 8)) & 0xff] as number) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
