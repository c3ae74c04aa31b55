// Who is at this browser. What a browser keeps (a form, prompts, a mask) belongs to whoever made it: when somebody else
// logs in, all of it goes.

import { request } from "./api.js";
import { forgetPaintings } from "./paintings.js";

const KEY = "latent-studio.person";

/** Who that is: name, role, and whether anybody has an account; null when the studio does not answer just now. */
export async function whoIsHere() {
  let person;
  try {
    person = await request("GET", "me");
  } catch {
    return null;
  }
  const now = person.accounts ? person.name : "";
  if ((localStorage.getItem(KEY) ?? "") !== now) {
    localStorage.clear();
    await forgetPaintings();
  }
  localStorage.setItem(KEY, now);
  return person;
}
