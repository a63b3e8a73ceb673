/**
 * Content passes through a relay byte for byte (PUB-3, SIG-4): a decoded Content may carry the bytes that it came as, and is written
 * as those.
 */

import type { Content } from "../../gen/chappe/v1/chat_pb.ts";
import { encodedOf, withEncoded } from "../codec/encoded.ts";

/** How many bytes a content takes as it will be sent on; undefined where it carries none. */
export function verbatimSize(content: Content): number | undefined {
  return encodedOf(content)?.length;
}

/** The copy of a content, with a copy of the bytes that the original carries. */
export function copyVerbatim(from: Content, to: Content): Content {
  const bytes = encodedOf(from);
  return bytes === undefined ? to : withEncoded(to, bytes.slice());
}
