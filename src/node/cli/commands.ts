/** All commands, in the order of help. */

import { chat } from "./chat.ts";
import { check } from "./check.ts";
import type { Command } from "./command.ts";
import { decode } from "./decode.ts";
import { encode } from "./encode.ts";
import { serve } from "./serve.ts";

export const commands: readonly Command[] = [serve, chat, check, decode, encode];
