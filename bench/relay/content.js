// @ts-check
/** What is said: a small chat. */
export const content = "See you at seven at the usual place, and bring the map!";
