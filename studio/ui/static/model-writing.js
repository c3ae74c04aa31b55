// What a keeper of models writes on a card besides notes: trigger words, a LoRA's weight, what a checkpoint predicts, and
// which VAE it is used with where it has none.
// Each is kept as soon as it is changed, and what is taken away falls back to what its maker or its file says.

import { make } from "./dom.js";

const PREDICTIONS = [["", "As its file says"], ["epsilon", "Noise (epsilon)"], ["v_prediction", "Velocity (v-prediction)"]];
const ZERO_SNR = [["", "As its file says"], ["true", "Pure noise (zero SNR)"], ["false", "Not quite pure noise"]];

/** The words between the commas, those within brackets aside. */
export function wordsOf(text) {
  const words = [""];
  let depth = 0;
  for (const character of text) {
    depth = Math.max(0, depth + "([{<".includes(character) - ")]}>".includes(character));
    if (character === "," && !depth) words.push("");
    else words[words.length - 1] += character;
  }
  return words.map((word) => word.trim()).filter(Boolean);
}

/** The words and weight of one's own, each empty where they are the maker's. */
export function wordFields(model, write) {
  const mine = (name) => model.own.includes(name);
  const words = make("input", { type: "text", class: "own-words", autocomplete: "off", placeholder: model.about.trigger_words.join(", ") || "Words, with commas between", onchange: () => write({ trigger_words: wordsOf(words.value) }, "Trigger words kept") });
  words.value = mine("trigger_words") ? model.trigger_words.join(", ") : "";
  const fields = [labelled("Trigger words of your own", words)];
  if (model.kind === "lora") {
    const weight = make("input", { type: "number", step: "any", min: -100, max: 100, placeholder: model.about.weight ?? 1, onchange: () => weight.reportValidity() && write({ weight: weight.value === "" ? null : Number(weight.value) }, "Weight kept") });
    weight.value = mine("weight") ? model.weight : "";
    fields.push(labelled("Weight", weight));
  }
  return make("div", { class: "own-fields" }, fields);
}

/** What a checkpoint is run as, where its file is mistaken about itself. */
export function predictionFields(model, write) {
  const chosen = (name) => (model.own.includes(name) ? String(model[name]) : "");
  const prediction = choice(PREDICTIONS, chosen("prediction"), (value) => write({ prediction: value || null }, "It is run so from now on"));
  const snr = choice(ZERO_SNR, chosen("zero_snr"), (value) => write({ zero_snr: value === "" ? null : value === "true" }, "It is run so from now on"));
  return make(
    "section",
    {},
    make("h3", {}, "What it predicts"),
    make("div", { class: "own-fields" }, labelled("Prediction", prediction), labelled("It begins with", snr)),
    make("p", { class: "muted small" }, "If its pictures are noise or washed out, its file may lack the mark of a v-prediction model: set it here."),
  );
}

/** The VAE that a checkpoint without one is used with, where nobody names another. */
export function vaeField(model, write) {
  const names = model.fitting_vaes.includes(model.chosen_vae) || !model.chosen_vae ? model.fitting_vaes : [model.chosen_vae, ...model.fitting_vaes];
  const { vae: _, ...others } = model.recipe;
  const changed = (value) => write({ recipe: value ? { ...others, vae: value } : others }, value ? `It is used with ${value} from now on` : "Everybody chooses one");
  const vae = choice([["", "None: chosen with each order"], ...names.map((name) => [name, name])], model.chosen_vae, changed);
  return make("section", {}, make("h3", {}, "VAE"), make("div", { class: "own-fields" }, labelled("Used with", vae)));
}

const labelled = (words, input) => make("label", { class: "own-field" }, make("span", {}, words), input);

function choice(options, chosen, changed) {
  const select = make("select", { onchange: () => changed(select.value) }, options.map(([value, words]) => make("option", { value, selected: value === chosen }, words)));
  return select;
}
