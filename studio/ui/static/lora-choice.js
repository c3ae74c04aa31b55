// Choosing LoRAs: those that fit the checkpoint first, with pictures and trigger words; several may be worn at once.

import { request } from "./api.js";
import { fillWith, make, sentence } from "./dom.js";
import { icon } from "./icons.js";
import { portrait } from "./model-card.js";
import { familyName } from "./model-words.js";
import { placeToasts } from "./toasts.js";

const EITHER = ["unknown", "other"];

export class LoraChoice {
  #loras;
  #family = "";

  constructor(loras) {
    this.#loras = loras;
    this.dialog = document.querySelector("#lora-choice");
  }

  start() {
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.dialog.addEventListener("close", () => placeToasts());
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
  }

  async open() {
    this.#build();
    this.dialog.showModal();
    placeToasts();
    this.search.focus();
    await Promise.all([this.#loras.ask(), this.#askFamily()]);
    this.#render();
  }

  async #askFamily() {
    const { form, residency } = this.#loras.studio;
    const chosen = form.values?.checkpoint;
    const name = chosen && chosen !== "auto" ? chosen : residency.automatic;
    try {
      const { models } = await request("GET", "models");
      this.#family = models.find((model) => model.name === name)?.family ?? "";
    } catch {
      this.#family = ""; // every LoRA is offered then, and the studio says which does not fit
    }
  }

  #build() {
    const close = make("button", { type: "button", class: "icon-button", "aria-label": "Close", onclick: () => this.dialog.close() }, icon("close"));
    this.search = make("input", { type: "search", placeholder: "Search in names and trigger words", "aria-label": "Search in LoRAs", autocomplete: "off", spellcheck: "false", oninput: () => this.#render() });
    this.list = make("div", { class: "lora-list" }, make("p", { class: "muted" }, "…"));
    this.note = make("p", { class: "muted small", role: "status" });
    fillWith(this.dialog, make("div", { class: "details-head" }, make("h2", {}, "LoRAs"), close), make("div", { class: "details-body" }, this.search, this.list, this.note));
  }

  #render() {
    const models = this.#loras.models ?? [];
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const told = (model) => [model.name, model.file, model.alias, model.notes, model.about.title, ...model.trigger_words].join("\n").toLowerCase();
    const found = models.filter((model) => words.every((word) => told(model).includes(word)));
    const fits = (model) => model.usable && (!this.#family || model.family === this.#family || EITHER.includes(model.family));
    const sorted = [...found].sort((one, other) => Number(fits(other)) - Number(fits(one)) || one.name.localeCompare(other.name));
    fillWith(this.list, sorted.map((model) => this.#entry(model, fits(model))));
    const empty = models.length ? "Nothing found." : `There are no LoRAs yet. Put .safetensors files into ${this.#loras.studio.modelsFolder}; they appear here by themselves.`;
    this.note.textContent = found.length ? "Press Enter or click to put one on or off; weights are set beside the prompt." : empty;
    this.showMarks();
  }

  #entry(model, fits) {
    const words = model.trigger_words.slice(0, 8);
    const why = model.problem ?? (fits ? "" : `Made for ${familyName(model.family)}; the checkpoint is ${familyName(this.#family)}.`);
    const toggle = make(
      "button",
      { type: "button", class: "lora-entry", "data-lora": model.name, "aria-pressed": "false", disabled: !fits, onclick: () => this.#toggle(model) },
      make("span", { class: "lora-portrait" }, portrait(model)),
      make("span", { class: "lora-told" }, make("strong", {}, model.name), make("span", { class: "muted small" }, why ? sentence(why) : [familyName(model.family), model.form, model.rank && `rank ${model.rank}`, model.weight !== null && `weight ${model.weight}`].filter(Boolean).join(" · "))),
      make("span", { class: "lora-mark", "aria-hidden": "true" }, icon("check")),
    );
    const chips = fits && words.length ? make("p", { class: "lora-words" }, words.map((word) => make("button", { type: "button", class: "chip", title: "Insert into the prompt", onclick: () => this.#loras.addWords(word) }, word))) : null;
    return make("div", { class: "lora-row" }, toggle, chips);
  }

  #worn(model) {
    return this.#loras.named.findIndex((one) => this.#loras.card(one.name)?.id === model.id);
  }

  #toggle(model) {
    const index = this.#worn(model);
    if (index >= 0) this.#loras.remove(index);
    else this.#loras.add(model.name, model.weight ?? 1);
  }

  /** Which ones the prompt names. */
  showMarks() {
    if (!this.dialog.open) return;
    for (const entry of this.dialog.querySelectorAll(".lora-entry")) {
      const model = this.#loras.models?.find((one) => one.name === entry.dataset.lora);
      const worn = Boolean(model) && this.#worn(model) >= 0;
      if (entry.getAttribute("aria-pressed") !== String(worn)) entry.setAttribute("aria-pressed", String(worn));
    }
  }

  #key(event) {
    if (!["ArrowDown", "ArrowUp"].includes(event.key)) return;
    const entries = [...this.dialog.querySelectorAll(".lora-entry:not(:disabled)")];
    const at = entries.indexOf(document.activeElement);
    const next = event.key === "ArrowDown" ? at + 1 : at - 1;
    event.preventDefault();
    (next < 0 ? this.search : entries[Math.min(next, entries.length - 1)])?.focus();
  }
}
