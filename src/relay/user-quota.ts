/** How many of something each user holds, so that none takes all: a count per user that holds any, within one bound. Each call is O(1). */

export class UserQuota {
  readonly #bound: number;
  readonly #held = new Map<string, number>();

  constructor(bound: number) {
    this.#bound = bound;
  }

  /** One more for this user. @returns whether it was within the bound; otherwise nothing has changed. The service, "", has none. */
  take(user: string): boolean {
    if (user === "") return true;
    const held = this.#held.get(user) ?? 0;
    if (held >= this.#bound) return false;
    this.#held.set(user, held + 1);
    return true;
  }

  /** One more that this user holds already, be it beyond the bound. */
  add(user: string): void {
    if (user !== "") this.#held.set(user, (this.#held.get(user) ?? 0) + 1);
  }

  /** What {@link take} gave is free again. */
  give(user: string): void {
    const held = this.#held.get(user) ?? 0;
    if (held > 1) this.#held.set(user, held - 1);
    else this.#held.delete(user);
  }
}
