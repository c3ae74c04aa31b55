// Who is at this browser. What a browser keeps of a form or a mask belongs to whoever made it: when somebody else logs
// in, it goes.

import { request } from "./api.js";
import { forgetPaintings } from "./paintings.js";

const KEY = "latent-studio.person";
const OWN = ["latent-studio.form", "latent-studio.fold", "latent-studio.import-labels"];

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
    for (const key of OWN) localStorage.removeItem(key);
    await forgetPaintings();
  }
  localStorage.setItem(KEY, now);
  return person;
}
