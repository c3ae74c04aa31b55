// Somebody else's job as an admin sees it: whose it is and how far, not what is in it.

import { make } from "./dom.js";
import { icon } from "./icons.js";
import { factsOf, statusWords } from "./queue-row.js";

export function everybodysRow(job, act) {
  const button = (name, label, verb) => make("button", { type: "button", class: "icon-button", "aria-label": `${label} ${job.person}’s job`, title: label, onclick: () => act(job.id, verb) }, icon(name));
  const { width_px, height_px, steps, checkpoint, count } = job;
  return make(
    "li",
    { class: "queue-row", "data-state": job.paused ? "paused" : job.state },
    make("div", { class: "queue-what" }, make("p", { class: "queue-prompt" }, job.person), make("p", { class: "queue-status" }, statusWords({ notice: null, ...job })), make("p", { class: "queue-facts" }, factsOf({ count, recipe: { width_px, height_px, steps, checkpoint } }))),
    make("div", { class: "queue-acts" }, job.paused ? button("play", "Resume", "resume") : button("pause", "Pause", "pause"), button("close", "Cancel", "cancel")),
  );
}
