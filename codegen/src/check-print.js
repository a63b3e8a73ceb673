// @ts-check
/** Parts of the lines that checks are made of. A check is a row of operands, each a violation or undefined, between them `??`. */

import { part } from "./fields.js";

/** @import { Printable } from "@bufbuild/protoplugin" */

export { part };

/** The first violation of a row. @param {readonly Printable[]} operands @returns {Printable} */
export function joined(operands) {
  return operands.length === 0 ? "undefined" : operands.map((each, i) => (i > 0 ? part` ?? ${each}` : each));
}

/** A row that counts where the condition holds; nothing where the row is empty. @param {Printable} condition @param {readonly Printable[]} operands @returns {Printable[]} */
export function where(condition, operands) {
  return operands.length === 0 ? [] : [part`(${condition} ? ${joined(operands)} : undefined)`];
}

/** What is printed, but for where its names come from. @param {Printable} printable @returns {string} */
export function text(printable) {
  if (Array.isArray(printable)) return printable.map(text).join("");
  if (typeof printable !== "object") return String(printable);
  return "name" in printable && "from" in printable ? `${printable.from}#${printable.name}` : JSON.stringify(printable);
}
