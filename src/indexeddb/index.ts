/** An outbox in the database of a browser: `chappe/indexeddb`. Needs the package `idb`. */

export { type IndexedDbOptions, IndexedDbStorage } from "./storage.ts";
