// What lies over the form, in its order: a chip for each preset, to be moved, looked at and taken off.

import { fillWith, make } from "./dom.js";
import { icon } from "./icons.js";

export class PresetChips {
  #presets;
  #focus = null;

  constructor(presets) {
    this.#presets = presets;
    this.place = document.querySelector("#preset-stack");
  }

  draw() {
    const { layers, canUndo } = this.#presets;
    this.place.hidden = !layers.length && !canUndo;
    const chips = layers.map((layer, at) => this.#chip(layer, at, layers.length));
    const undo = canUndo && make("button", { type: "button", id: "preset-undo", class: "link-button", onclick: () => this.#presets.undo() }, "Undo");
    fillWith(this.place, make("ol", { "aria-label": "Presets over the form, the last one on top" }, chips), undo);
    if (!this.#focus) return;
    const [name, part] = this.#focus;
    this.#focus = null;
    const chip = [...this.place.querySelectorAll("li")].find((one) => one.dataset.layer === name);
    (chip?.querySelector(part) ?? chip?.querySelector("button") ?? this.place.querySelector("button"))?.focus();
  }

  #chip(layer, at, count) {
    const move = (by, words, sign) =>
      make("button", { type: "button", class: `preset-move move${by}`, "aria-label": `${words}: ${layer.title}`, title: words, onclick: () => this.#run(layer.name, `.move${by}`, () => this.#presets.move(layer.name, by)) }, icon(sign));
    return make(
      "li",
      { class: "preset-chip", "data-layer": layer.name, "data-automatic": layer.automatic, onkeydown: (event) => this.#key(event, layer.name) },
      count > 1 && make("span", { class: "preset-number" }, String(at + 1)),
      at > 0 && move(-1, "Earlier", "left"),
      make("button", { type: "button", class: "preset-name", title: layer.automatic ? "Your default; press for details" : "Details", onclick: () => this.#presets.details.open(layer.name) }, layer.title),
      at < count - 1 && move(1, "Later", "right"),
      make("button", { type: "button", class: "preset-remove", "aria-label": `Take off ${layer.title}`, title: "Take off", onclick: () => this.#run(layer.name, ".preset-remove", () => this.#presets.toggle(layer.name)) }, icon("close")),
    );
  }

  #key(event, name) {
    const by = event.altKey && { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) this.#run(name, ".preset-name", () => this.#presets.move(name, by));
    else if (event.key === "Delete") this.#run(name, ".preset-remove", () => this.#presets.toggle(name));
    else return;
    event.preventDefault();
  }

  /** Does something to a chip; the focus comes back to it once it is drawn anew. */
  #run(name, part, action) {
    this.#focus = [name, part];
    action();
  }
}
