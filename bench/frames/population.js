// @ts-check
/** Who is there: users with ids of the forms that services give, some of whom say much more than others, and rooms with handles of every size. */

import { flat, phrase } from "./texts.js";

/** @typedef {import("./random.js").Random} Random */
/** @typedef {{ id: string, displayName: string }} User */

const names = [
  "ada",
  "grace",
  "lin",
  "mehmet",
  "oksana",
  "priya",
  "jörg",
  "fatima",
  "chen",
  "yuki",
  "björn",
  "amélie",
  "tom",
  "zoë",
  "kwame",
];
const surnames = [
  "lovelace",
  "hopper",
  "nguyen",
  "yılmaz",
  "kovalenko",
  "sharma",
  "müller",
  "hassan",
  "wei",
  "tanaka",
  "dubois",
  "o-neil",
];
const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** @param {Random} random @returns {User} */
function user(random) {
  const name = random.pick(names);
  const kind = random.weighted({ name: 20, full: 34, number: 20, opaque: 18, uuid: 8 });
  /** @param {number} length @param {number} base */
  const of = (length, base) => Array.from({ length }, () => digits[random.integer(0, base - 1)]).join("");
  const id = {
    name: `${name}${random.integer(1, 99)}`,
    full: `${name}.${random.pick(surnames)}`,
    number: `user-${random.magnitude(1, 9_999_999)}`,
    opaque: of(random.integer(11, 22), 62),
    uuid: [8, 4, 4, 4, 12].map((length) => of(length, 16)).join("-"),
  }[/** @type {"name"} */ (kind)];
  return { id: flat(id), displayName: flat(random.chance(0.7) ? `${name} ${random.pick(surnames)}` : phrase(random, 2)) };
}

/** 240 users and 40 rooms. @param {Random} random */
export function population(random) {
  const users = Array.from({ length: 240 }, () => user(random));
  const rooms = Array.from({ length: 40 }, () => ({
    handle: random.magnitude(1, 200_000),
    head: random.magnitude(1, 3_000_000),
  }));
  return {
    /** The more often, the earlier in the list. */
    user: () => users[Math.floor(random.next() ** 2.2 * users.length)],
    room: () => random.pick(rooms),
  };
}
