// Reads a picture from anywhere: what it was made with, what of that this studio has or lacks, and one button that
// fills the form.

import { sendFile } from "./api.js";
import { fillWith, make } from "./dom.js";
import { icon } from "./icons.js";
import { toast } from "./toasts.js";

const ROWS = {
  prompt: "Prompt",
  negative_prompt: "Negative prompt",
  checkpoint: "Checkpoint",
  sampler: "Sampler",
  schedule: "Schedule",
  steps: "Steps",
  guidance_scale: "Guidance",
  seed: "Seed",
  width_px: "Width",
  height_px: "Height",
  clip_skip: "Clip skip",
  denoising_strength: "Denoising strength",
  hires_scale: "Second pass",
};
const LONG = ["prompt", "negative_prompt"];

export class Reading {
  #studio;
  #shown = "";

  constructor(studio) {
    this.#studio = studio;
    this.dialog = document.querySelector("#reading");
    this.file = document.querySelector("#reading-file");
    this.dialog.addEventListener("close", () => URL.revokeObjectURL(this.#shown));
    this.file.addEventListener("change", () => {
      const [file] = this.file.files;
      this.file.value = "";
      if (file) this.open(file);
    });
  }

  choose() {
    this.file.click();
  }

  async open(file) {
    let said;
    try {
      said = await sendFile("recipes/read", file);
    } catch (error) {
      return toast(error.message.replace(/^picture: ./, (words) => words.at(-1).toUpperCase()), { kind: "error" });
    }
    URL.revokeObjectURL(this.#shown);
    this.#shown = URL.createObjectURL(file);
    this.#build(file, said);
    if (!this.dialog.open) this.dialog.showModal();
  }

  #build(file, said) {
    const knows = Object.keys(said.recipe).length > 0;
    const picture = make("img", { src: this.#shown, alt: file.name });
    picture.onerror = () => picture.remove();
    const rows = Object.entries(ROWS).filter(([name]) => said.recipe[name] !== undefined);
    const items = (list, kind, name) => list.length && make("ul", { class: `reading-items ${kind}` }, list.map(({ words }) => make("li", {}, icon(name), make("span", {}, words))));
    const unused = Object.entries(said.unused);
    const details = make(
      "div",
      { class: "reading-details" },
      make("h2", { id: "reading-title" }, said.program ? `Made with ${said.program}` : knows ? "What it says" : "Nothing to read"),
      items(said.lacks, "lacks", "alert"),
      items(said.has, "has", "check"),
      said.notes.map((words) => make("p", { class: "muted" }, words)),
      rows.length > 0 && make("dl", { class: "recipe" }, rows.map(([name, label]) => make("div", { class: LONG.includes(name) ? "long" : "" }, make("dt", {}, label), make("dd", {}, String(said.recipe[name]))))),
      unused.length > 0 &&
        make("details", {}, make("summary", {}, `Not used here: ${unused.length}`), make("dl", { class: "recipe" }, unused.map(([name, value]) => make("div", { class: "long" }, make("dt", {}, name), make("dd", {}, value))))),
    );
    const buttons = make(
      "div",
      { class: "reading-buttons" },
      knows && make("button", { type: "button", class: "button primary", autofocus: true, onclick: () => this.#leaveWith(() => this.#studio.form.fill({ from: "reading", said, template: Object.keys(said.templates ?? {}).length > 0 })) }, "Use these settings"),
      make("button", { type: "button", class: "button", onclick: () => this.#leaveWith(() => this.#studio.source.take([file])) }, "Start from it"),
      make("button", { type: "button", class: "button", onclick: () => this.dialog.close() }, "Close"),
    );
    fillWith(this.dialog, make("div", { class: "reading-body" }, picture, details), buttons);
    this.dialog.setAttribute("aria-labelledby", "reading-title");
  }

  #leaveWith(action) {
    this.dialog.close();
    action();
  }
}
