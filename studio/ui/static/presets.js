// The strip of presets: press one to lay it over the form, several in an order that can be changed. What the form was
// without them, and which of them sets a field, Python answers with each filling; the form remembers it, here it is shown.

import { request, sendFile } from "./api.js";
import { same } from "./form.js";
import { PresetChips } from "./preset-chips.js";
import { PresetDetails } from "./preset-details.js";
import { PresetSaving } from "./preset-saving.js";
import { PresetStrip } from "./preset-strip.js";
import { toast } from "./toasts.js";

const MOST_UNDO = 30;
const NOT_SHOWN = ["mode", "source", "source_image", "mask"];

export class Presets {
  list = [];
  #studio;
  #past = [];
  #asked = false;
  #isOpen = false;

  constructor(studio) {
    this.#studio = studio;
    this.form = studio.form;
    this.strip = new PresetStrip(this, studio.beginsWithStarter);
    this.chips = new PresetChips(this);
    this.details = new PresetDetails(this);
    this.saving = new PresetSaving(this, studio);
  }

  start() {
    this.form.addEventListener("filled", ({ detail }) => this.#filled(detail.from));
    this.form.addEventListener("remembered", () => this.#remembered());
    window.addEventListener("focus", () => void this.refresh());
    document.querySelector("#preset-save").addEventListener("click", () => void this.saving.fromForm());
    document.querySelector("#preset-import").addEventListener("click", () => document.querySelector("#preset-file").click());
    document.querySelector("#preset-file").addEventListener("change", (event) => void this.#import(event.target));
    this.strip.start();
    this.show();
    return this.refresh();
  }

  async refresh() {
    try {
      this.list = (await request("GET", "presets")).presets;
    } catch (error) {
      if (!this.list.length) this.strip.say(error.message);
      return;
    }
    this.strip.draw();
    this.show();
    this.#begin();
  }

  find(name) {
    return this.list.find((preset) => preset.name === name);
  }

  get layers() {
    return this.form.stack?.layers ?? [];
  }

  has(name) {
    return this.layers.some((layer) => layer.name === name);
  }

  // --- what is pressed ---

  toggle(name) {
    const preset = this.find(name);
    if (preset?.problem && !this.has(name)) return this.strip.sayOf(preset);
    const names = this.layers.map((layer) => layer.name);
    this.#lay(this.has(name) ? names.filter((one) => one !== name) : [...names, name]);
  }

  /** Moves one in the order, by so many places. */
  move(name, by) {
    const names = this.layers.map((layer) => layer.name);
    const at = names.indexOf(name);
    const to = Math.max(0, Math.min(names.length - 1, at + by));
    if (at === to) return;
    names.splice(to, 0, ...names.splice(at, 1));
    this.#lay(names);
  }

  /** Takes one off, and waits until the form is without it. */
  async takeOff(name) {
    if (!this.has(name)) return;
    const done = new Promise((resolve) => this.form.addEventListener("filled", resolve, { once: true }));
    this.toggle(name);
    await done;
  }

  undo() {
    const before = this.#past.pop();
    if (before) this.form.fill({ from: "values", values: before.values, state: before.stack });
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  #lay(names) {
    const values = { ...this.form.values };
    delete values.count;
    this.#past = [...this.#past, { values, stack: this.form.stack }].slice(-MOST_UNDO);
    this.form.fill({ from: "presets", names, state: this.form.stack });
  }

  // --- what the form tells ---

  #filled(from) {
    if (!["presets", "defaults", "values"].includes(from)) this.#past = [];
    this.show();
  }

  #remembered() {
    this.#badges();
    const { checkpoint } = this.form.values;
    const { stack } = this.form;
    if (!stack?.layers.some((layer) => layer.automatic) || same(stack.shown?.checkpoint, checkpoint)) return;
    if (stack.followed === checkpoint) return;
    stack.followed = checkpoint;
    this.form.fill({ from: "defaults", state: stack });
  }

  /** The form has its values: one that is untouched begins with what somebody has made their default. */
  opened() {
    this.#isOpen = true;
    this.show();
    this.#begin();
  }

  #begin() {
    if (this.#asked || !this.#isOpen || !this.list.length) return;
    this.#asked = true;
    if (this.list.some((preset) => preset.default_for) && !this.layers.length && this.form.isUntouched) this.form.fill({ from: "nothing", quiet: true });
  }

  // --- what is shown ---

  show() {
    this.strip.mark();
    this.chips.draw();
    this.#badges();
  }

  #badges() {
    const { set_by: setBy = {}, shown = {}, frames = {} } = this.form.stack ?? {};
    for (const marked of document.querySelectorAll("[data-set-by]")) mark(marked, null);
    for (const [field, titles] of Object.entries(setBy)) {
      if (NOT_SHOWN.includes(field) || !this.form.values) continue;
      const value = this.form.values[field];
      const frame = frames[field];
      const stands = same(value, shown[field]) || (frame && String(value ?? "").startsWith(frame[0]) && String(value ?? "").endsWith(frame[1]));
      const place = this.form.labelOf(field);
      if (stands && place) mark(place, titles.join(" + "));
    }
  }

  // --- files ---

  async #import(input) {
    for (const file of input.files) {
      try {
        const answer = await sendFile(`presets/import?file_name=${encodeURIComponent(file.name.slice(-200))}`, file);
        await this.refresh();
        this.strip.reveal(answer.names[0]);
        const words = answer.names.length === 1 ? `“${this.find(answer.names[0])?.title}” is among your presets` : `${answer.names.length} presets were imported`;
        toast(answer.problems.length ? `${words}. Left out: ${answer.problems.join(" ")}` : words, answer.problems.length ? { kind: "error" } : {});
      } catch (error) {
        toast(`${file.name} was not imported. ${error.message}`, { kind: "error" });
      }
    }
    input.value = "";
  }
}

function mark(element, titles) {
  const input = element.closest(".block")?.querySelector("input:not([type=range]), textarea");
  if (titles === null) {
    delete element.dataset.setBy;
    input?.removeAttribute("aria-description");
    return;
  }
  element.dataset.setBy = titles;
  element.title = `Set by ${titles}`;
  input?.setAttribute("aria-description", `Set by the preset ${titles}`);
}
