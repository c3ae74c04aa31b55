// The LoRAs beside the prompt: a chip for each that its text names, with its weights, and a way to choose more. The
// prompt's text is the only truth: chips are drawn from it, and write into it.

import { request } from "./api.js";
import { fillWith, make, plainly, sentence } from "./dom.js";
import { icon } from "./icons.js";
import { LoraChoice } from "./lora-choice.js";
import { portrait } from "./model-card.js";
import { lorasIn, shown, withLora, withWeights, withWords, withoutLora } from "./prompt-loras.js";

const LEAST = -1;
const MOST = 2;

export class Loras {
  studio;
  models = null;
  #open = null;
  #apart = new Set();
  #asking = null;
  #drawn = "";

  constructor(studio) {
    this.studio = studio;
    this.place = document.querySelector("#loras");
    this.choice = new LoraChoice(this);
  }

  start() {
    document.querySelector("#loras-add").addEventListener("click", () => void this.choice.open());
    document.addEventListener("input", (event) => event.target.closest?.("#field-prompt") && this.show());
    this.choice.start();
    this.show();
  }

  get text() {
    return this.studio.form.input("prompt")?.value ?? "";
  }

  get named() {
    return lorasIn(this.text);
  }

  /** The card of a LoRA by any of its names; undefined where there is none, null as long as nobody asked. */
  card(name) {
    const folded = name.toLowerCase();
    const is = (one) => [one.name, one.alias, one.file, one.file.replace(/\.[^.]+$/, "")].some((called) => called?.toLowerCase() === folded);
    return this.models === null ? null : this.models.find(is);
  }

  async ask() {
    this.#asking ??= request("GET", "models?kind=lora").then(
      ({ models }) => {
        this.models = models;
      },
      () => {},
    );
    await this.#asking;
    this.#asking = null;
    this.show();
  }

  add(name, weight) {
    this.#write(withLora(this.text, name, weight));
  }

  remove(index) {
    this.#open = null;
    this.#write(withoutLora(this.text, index));
  }

  addWords(words) {
    if (!this.text.toLowerCase().includes(words.toLowerCase())) this.#write(withWords(this.text, words));
  }

  #write(text) {
    this.studio.form.write("prompt", text);
    this.show();
  }

  // --- drawing ---

  show() {
    const named = this.named;
    if (named.length && this.models === null) void this.ask();
    const drawn = JSON.stringify([named.map(({ name, kind }) => [name, kind]), this.#open, [...this.#apart], this.models?.map((one) => [one.id, one.has_picture, one.usable, one.trigger_words])]);
    if (drawn === this.#drawn) return this.#showWeights(named);
    this.#drawn = drawn;
    if (this.#open !== null && this.#open >= named.length) this.#open = null;
    const key = this.place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    fillWith(this.place, named.length ? make("div", { class: "lora-chips" }, named.map((one, index) => this.#chip(one, index))) : null, this.#open === null ? null : this.#editor(named[this.#open], this.#open));
    if (key) this.place.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
    return this.#showWeights(named);
  }

  #chip(lora, index) {
    const card = this.card(lora.name);
    const trouble = card === undefined ? "There is no LoRA of that name" : (card?.problem ?? "");
    const open = make(
      "button",
      { type: "button", class: "lora-open", "aria-expanded": String(this.#open === index), "data-key": `open ${index}`, title: plainly(trouble) || `Weights and trigger words of ${lora.name}`, onclick: () => this.#toggle(index) },
      make("span", { class: "lora-thumb" }, card ? portrait(card) : icon(trouble ? "alert" : "image")),
      make("span", { class: "lora-name" }, lora.name),
      make("span", { class: "lora-weight", "data-weight": index }),
    );
    const close = make("button", { type: "button", class: "lora-remove", "aria-label": `Take ${lora.name} out of the prompt`, "data-key": `remove ${index}`, onclick: () => this.#removed(index) }, icon("close"));
    return make("span", { class: `lora-chip${trouble ? " trouble" : ""}` }, open, close);
  }

  #removed(index) {
    this.remove(index);
    (this.place.querySelector(".lora-remove") ?? document.querySelector("#loras-add")).focus();
  }

  #toggle(index) {
    this.#open = this.#open === index ? null : index;
    this.show();
  }

  #editor(lora, index) {
    const card = this.card(lora.name);
    const apart = this.#apart.has(lora.name) || lora.unetWeight !== lora.textWeight;
    const both = make("input", { type: "checkbox", checked: apart, "data-key": "apart", onchange: () => this.#setApart(lora.name, index, both.checked) });
    const words = card?.trigger_words ?? [];
    const trouble = card === undefined ? "There is no LoRA of that name here; the picture could not be made." : card?.problem;
    return make(
      "div",
      { class: "lora-editor", role: "group", "aria-label": `Weights of ${lora.name}` },
      trouble ? make("p", { class: "reason" }, icon("alert"), make("span", {}, sentence(trouble))) : null,
      this.#slider(apart ? "Picture (UNet)" : "Weight", index, "unet"),
      apart ? this.#slider("Words (text encoder)", index, "text") : null,
      make("label", { class: "lora-apart" }, both, make("span", {}, "A weight of its own for the text encoder")),
      words.length ? make("p", { class: "lora-words" }, make("span", { class: "muted small" }, "Trigger words"), words.map((word) => make("button", { type: "button", class: "chip", "data-key": `word ${word}`, onclick: () => this.addWords(word) }, word))) : null,
    );
  }

  #slider(label, index, which) {
    const attributes = { min: LEAST, max: MOST, step: 0.05, "data-index": index, "data-which": which };
    const changed = (event) => this.#setWeight(index, which, event.target.value);
    const range = make("input", { ...attributes, type: "range", tabindex: -1, "aria-label": `Slider of ${label}`, oninput: changed });
    const number = make("input", { type: "number", step: 0.05, "data-index": index, "data-which": which, "data-key": `number ${which}`, "aria-label": label, oninput: changed });
    return make("div", { class: "lora-slider" }, make("span", {}, label), range, number);
  }

  #setWeight(index, which, value) {
    const lora = this.named[index];
    const weight = value === "" ? NaN : Number(value);
    if (!lora || !Number.isFinite(weight)) return;
    const apart = this.#apart.has(lora.name) || lora.unetWeight !== lora.textWeight;
    if (apart) this.#apart.add(lora.name); // equal by chance, the two stay two
    const unet = which === "unet" ? weight : lora.unetWeight;
    const text = which === "text" || !apart ? weight : lora.textWeight;
    this.#write(withWeights(this.text, index, unet, text));
  }

  #setApart(name, index, apart) {
    if (apart) this.#apart.add(name);
    else {
      this.#apart.delete(name);
      const lora = this.named[index];
      if (lora.unetWeight !== lora.textWeight) this.#write(withWeights(this.text, index, lora.unetWeight, lora.unetWeight));
    }
    this.show();
  }

  #showWeights(named) {
    for (const place of this.place.querySelectorAll("[data-weight]")) {
      const lora = named[place.dataset.weight];
      place.textContent = lora.unetWeight === lora.textWeight ? shown(lora.unetWeight) : `${shown(lora.unetWeight)} / ${shown(lora.textWeight)}`;
    }
    for (const input of this.place.querySelectorAll("input[data-which]")) {
      const lora = named[input.dataset.index];
      const weight = input.dataset.which === "unet" ? lora?.unetWeight : lora?.textWeight;
      if (input !== document.activeElement || input.type === "range") input.value = weight ?? "";
      if (input.type === "range") input.style.setProperty("--at", Math.min(1, Math.max(0, ((weight ?? 1) - LEAST) / (MOST - LEAST))));
    }
    this.choice.showMarks();
  }
}
