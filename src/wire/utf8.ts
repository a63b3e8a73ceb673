/** How long a text is in UTF-8 (RFC 3629), and whether it has such a form at all (ENC-6). */

/** Bytes of `text` in UTF-8; −1 where it holds half of a surrogate pair, which has no such form. */
export function utf8Length(text: string): number {
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) length += 1;
    else if (unit < 0x800) length += 2;
    else if (unit < 0xd800 || unit > 0xdfff) length += 3;
    else {
      const next = text.charCodeAt(++i);
      // `!(>=)` rather than `<`: past the end it is NaN.
      if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return -1;
      length += 4;
    }
  }
  return length;
}
