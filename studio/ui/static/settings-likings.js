// How one likes the page.

import { card, field, select } from "./cards.js";
import { make } from "./dom.js";
import { likings } from "./likings.js";
import { allowNotices, noticeProblem, playSound } from "./signals.js";
import { toast } from "./toasts.js";

const CHOICES = [
  ["theme", "Colours", [["system", "As the system"], ["light", "Light"], ["dark", "Dark"]]],
  ["previews", "Live previews", [["all", "As they come"], ["few", "One in two seconds"], ["none", "None"]]],
  ["download_format", "Format of downloads", [["png", "PNG (original)"], ["jpeg", "JPEG"], ["webp", "WebP"], ["avif", "AVIF"]]],
];

export function likingsCard() {
  const choices = CHOICES.map(([name, label, options]) => {
    const input = select(name, options, likings.get(name));
    input.addEventListener("change", () => keep(name, input.value));
    return field(label, input);
  });
  return card(
    "likings-card",
    "The page, as you like it",
    make("p", { class: "muted" }, "Kept by the studio: every device of yours follows."),
    make("div", { class: "card-fields" }, choices),
    sound(),
    notices(),
  );
}

/** Brings what is shown up to date: the button for the colours changes one of them too. */
export function showLikings(place) {
  for (const input of place.querySelectorAll("#likings-card [name]")) {
    if (input.type === "checkbox") input.checked = likings.get(input.name);
    else input.value = likings.get(input.name);
  }
}

function sound() {
  return tick("sound", "A sound when pictures are done", "", async (wanted) => {
    if (wanted) playSound();
    return true;
  });
}

function notices() {
  return tick("notices", "A notice of the browser when pictures are done and the page is out of sight", noticeProblem(), async (wanted) => !wanted || allowNotices());
}

function tick(name, words, problem, allow) {
  const input = make("input", { type: "checkbox", name, checked: likings.get(name) });
  input.addEventListener("change", async () => {
    if (await allow(input.checked)) return keep(name, input.checked);
    input.checked = false;
    toast(noticeProblem() || "The browser did not allow it.", { kind: "error" });
  });
  return make("label", { class: "card-tick" }, input, make("span", {}, words, problem && make("small", { class: "muted" }, problem)));
}

function keep(name, value) {
  likings.change(name, value).catch((error) => toast(`Not kept. ${error.message}`, { kind: "error" }));
}
