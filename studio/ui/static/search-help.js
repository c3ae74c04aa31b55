// What the gallery's search understands, said where it is used: examples that can be pressed.

import { fillWith, make } from "./dom.js";

const EXAMPLES = [
  ["cat hat", "both words, or what begins with them"],
  ['"blue sky"', "a phrase, word for word"],
  ["-dog", "without it; works before everything else too"],
  ['sampler:"Euler a"', "all of a name in quotes, or a piece of it without"],
  ["model:starter", "the checkpoint"],
  ["steps>20", "also seed, size, width and height, with : > >= < <="],
  ["size:512x768", "width by height; one number is the longer side"],
  ["steps:8..20", "from, to"],
  ["date>=2026-01", "a year, month or day"],
  ["fav:yes", "favourites"],
  ["tag:sky", "what you tagged; album:… for albums"],
  ["negative:blurry", "words of the negative prompt"],
];

/** Joins the button, the list of examples and the search; ``search`` is called with what the box holds then. */
export function startSearchHelp(box, place, search) {
  const opener = document.querySelector("#gallery-help-button");
  const add = (example) => {
    box.value = `${box.value.trim()} ${example}`.trim();
    search(box.value);
    box.focus();
  };
  const rows = EXAMPLES.map(([example, words]) =>
    make("div", {}, make("dt", {}, make("button", { type: "button", class: "example", title: "Add to the search", onclick: () => add(example) }, example)), make("dd", { class: "muted" }, words)),
  );
  fillWith(place, make("dl", {}, rows));
  const show = (open) => {
    place.hidden = !open;
    opener.setAttribute("aria-expanded", String(open));
  };
  opener.addEventListener("click", () => show(place.hidden));
  document.addEventListener("pointerdown", (event) => {
    if (!place.hidden && !event.target.closest("#gallery-help, #gallery-help-button, .search")) show(false);
  });
  for (const element of [opener, place, box]) {
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || place.hidden) return;
      event.preventDefault();
      show(false);
      opener.focus();
    });
  }
}
