// What everybody should know of the studio itself just now: little room on the disk, files that were damaged. Put away,
// a reset stays away in this browser; a warning comes back with the next visit, because it is still so.

import { fillWith, make } from "./dom.js";
import { icon } from "./icons.js";

const KEY = "studio-notices-seen";
const MOST_REMEMBERED = 50;

const keeperOf = (notice) => (notice.kind === "reset" ? localStorage : sessionStorage);

function seen(keeper) {
  try {
    return JSON.parse(keeper.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
}

function putAway(notice) {
  const keeper = keeperOf(notice);
  keeper.setItem(KEY, JSON.stringify([...seen(keeper), notice.id].slice(-MOST_REMEMBERED)));
}

export class Notices {
  #root = document.querySelector("#notices");
  #shown = "[]";
  #told = [];

  /** Shows what the status told; does nothing while that is the same as before. */
  show(told) {
    this.#told = told;
    const open = told.filter((notice) => !seen(keeperOf(notice)).includes(notice.id));
    const now = JSON.stringify(open);
    if (now === this.#shown) return;
    this.#shown = now;
    fillWith(this.#root, open.map((notice) => this.#bar(notice)));
  }

  #bar(notice) {
    const close = () => {
      putAway(notice);
      this.show(this.#told);
    };
    return make(
      "div",
      { class: `notice ${notice.kind}` },
      make("p", {}, notice.text),
      make("button", { type: "button", class: "icon-button", "aria-label": "Put this message away", onclick: close }, icon("close")),
    );
  }
}
