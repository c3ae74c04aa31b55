// From a picture: more like it, the next preset, the next checkpoint. Each is a job of its own, shown on the stage.

import { insist, newId } from "./api.js";
import { make } from "./dom.js";
import { toast } from "./toasts.js";

const STRENGTH_KEY = "latent-studio.variation-strength";
const STRENGTHS = [[0.1, "Very near"], [0.2, "Near"], [0.4, "Farther"], [0.7, "Far"]];
const COUNT = 4;

/** The row of buttons in full view. */
export function variationButtons(studio, image) {
  if (image.recipe.mode === "finish") return null;
  const strength = make(
    "select",
    { class: "format", "aria-label": "How far from this picture", title: "How far from this picture", onchange: (event) => localStorage.setItem(STRENGTH_KEY, event.target.value) },
    STRENGTHS.map(([value, words]) => make("option", { value, selected: value === kept() }, words)),
  );
  const button = (words, title, body) => make("button", { type: "button", class: "button", title, onclick: (event) => vary(studio, image.id, body(), event.currentTarget) }, words);
  return make(
    "div",
    { class: "viewer-vary", role: "group", "aria-label": "Variations" },
    make("span", { class: "vary-like" }, button("Four more like it", "The same seed, four variation seeds", () => ({ way: "like", count: COUNT, strength: Number(strength.value) })), strength),
    button("Next preset", "The same seed with the next preset", () => ({ way: "preset" })),
    button("Next checkpoint", "The same recipe with the next checkpoint", () => ({ way: "checkpoint" })),
  );
}

async function vary(studio, id, body, button) {
  button.disabled = true;
  try {
    studio.showJob(await insist("POST", `images/${id}/vary`, { ...body, id: newId() }));
  } catch (error) {
    toast(`Nothing was queued. ${error.message}`, { kind: "error" });
  } finally {
    button.disabled = false;
  }
}

function kept() {
  const value = Number(localStorage.getItem(STRENGTH_KEY));
  return STRENGTHS.some(([known]) => known === value) ? value : 0.2;
}
