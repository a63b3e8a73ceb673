/** The first page: a name and a room. */

import { byId, setText } from "../dom.ts";
import { emblem } from "../emblem.ts";
import { cleanName, cleanRoom } from "../settings.ts";

/** Asks for a name and a room until both can be used. */
export function signIn(proposal: { name: string; room: string; problem: string }): Promise<{ name: string; room: string }> {
  const page = byId("sign-in", HTMLElement);
  const form = byId("sign-in-form", HTMLFormElement);
  const [nameInput, roomInput] = [byId("name", HTMLInputElement), byId("first-room", HTMLInputElement)];
  const [nameProblem, roomProblem] = [byId("name-problem", HTMLElement), byId("room-problem", HTMLElement)];
  const check = (input: HTMLInputElement, problem: HTMLElement, text: string) => {
    setText(problem, text);
    input.setAttribute("aria-invalid", String(text !== ""));
  };
  const sign = byId("name-sign", HTMLElement);
  const drawSign = () => {
    const name = cleanName(nameInput.value);
    sign.replaceChildren(...(name === undefined ? [] : [emblem(name.toLowerCase())]));
  };
  nameInput.value = proposal.name;
  nameInput.oninput = drawSign;
  drawSign();
  roomInput.value = proposal.room;
  check(nameInput, nameProblem, proposal.problem);
  page.hidden = false;
  nameInput.focus();
  return new Promise((resolve) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      const [name, room] = [cleanName(nameInput.value), cleanRoom(roomInput.value)];
      check(nameInput, nameProblem, name === undefined ? "Please enter a name of 1 to 32 characters." : "");
      check(roomInput, roomProblem, room === undefined ? "Please enter the name of a room; it must not begin with @." : "");
      if (name === undefined) nameInput.focus();
      else if (room === undefined) roomInput.focus();
      else {
        page.hidden = true;
        resolve({ name, room });
      }
    };
  });
}
