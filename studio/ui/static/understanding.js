// How the prompt is read, as it is typed: problems underlined in place, and on demand its chunks, weights, what changes
// at which step, LoRAs, and what chance makes of it.

import { request } from "./api.js";
import { fillWith, make } from "./dom.js";
import { icon } from "./icons.js";
import { PromptMarks } from "./prompt-marks.js";

const PAUSE_MS = 300;
const FIELDS = ["prompt", "negative_prompt"];
const LARGEST_SEED = 2 ** 32;

export class Understanding {
  #studio;
  #marks = new Map();
  #said = new Map();
  #asked = new Map();
  #timer = 0;
  #exampleSeed = Math.floor(Math.random() * LARGEST_SEED);
  #drawn = "";

  constructor(studio) {
    this.#studio = studio;
    this.panel = document.querySelector("#understanding");
    this.notes = document.querySelector("#prompt-notes");
  }

  start() {
    for (const field of FIELDS) this.#marks.set(field, new PromptMarks(this.#studio.form.input(field)));
    document.addEventListener("input", (event) => event.target.closest?.("#field-prompt, #field-negative_prompt") && this.later());
    this.later();
  }

  get isOpen() {
    return document.querySelector("[data-fold=understanding]").getAttribute("aria-expanded") === "true";
  }

  /** Looks again once nothing has changed for a moment. */
  later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.look(), PAUSE_MS);
  }

  /** What prompts name has changed: the same text may mean something else now. */
  forget() {
    this.#asked.clear();
    this.later();
  }

  async look() {
    await Promise.all(FIELDS.map((field) => this.#ask(field)));
    this.#draw();
  }

  async #ask(field) {
    const { form } = this.#studio;
    const values = form.values ?? {};
    const text = form.read(field);
    const question = { text, field, checkpoint: values.checkpoint || "auto", steps: within(values.steps, 1, 1000), seed: this.#seed() };
    const key = JSON.stringify(question);
    if (this.#asked.get(field) === key) return;
    this.#asked.set(field, key);
    if (!text.trim()) this.#said.delete(field);
    else {
      try {
        const said = await request("POST", "prompts/understand", question);
        if (this.#asked.get(field) === key) this.#said.set(field, said);
      } catch {
        this.#asked.delete(field); // asked again with the next change
        this.#said.delete(field);
      }
    }
    if (form.read(field) === text) this.#marks.get(field).show(text, this.#said.get(field)?.marks ?? []);
  }

  #seed() {
    const seed = this.#studio.form.values?.seed;
    return Number.isInteger(seed) && seed >= 0 && seed < LARGEST_SEED ? seed : this.#exampleSeed;
  }

  #roll() {
    this.#exampleSeed = Math.floor(Math.random() * LARGEST_SEED);
    void this.look();
  }

  // --- drawing ---

  #draw() {
    this.#drawNotes();
    const key = JSON.stringify([...this.#said]) + this.isOpen;
    if (!this.isOpen || key === this.#drawn) return;
    this.#drawn = key;
    const shown = FIELDS.filter((field) => this.#said.has(field));
    const empty = make("p", { class: "muted small" }, "Type a prompt, and this shows how it is read: tokens, weights, what changes on the way, and what chance makes of it.");
    fillWith(this.panel, shown.length ? shown.map((field) => this.#reading(field, shown.length > 1)) : empty);
  }

  #drawNotes() {
    const marks = FIELDS.flatMap((field) => (this.#said.get(field)?.marks ?? []).map((mark) => ({ ...mark, field })));
    const told = marks.filter(({ kind, field }) => kind === "problem" || (this.isOpen && field));
    const lines = told.slice(0, 4).map(({ kind, message, field, start }) =>
      make("li", { class: kind }, icon("alert"), make("button", { type: "button", class: "note-words", disabled: start === null, onclick: () => this.#select(field, start) }, field === "prompt" ? message : `Negative prompt: ${message}`)),
    );
    const key = JSON.stringify(told);
    if (this.notes.dataset.key === key) return;
    this.notes.dataset.key = key;
    fillWith(this.notes, lines);
  }

  #select(field, start) {
    const mark = this.#said.get(field)?.marks.find((one) => one.start === start);
    const area = this.#studio.form.input(field);
    const units = (count) => [...area.value].slice(0, count).join("").length;
    area.focus();
    area.setSelectionRange(units(start), units(mark?.end ?? start));
  }

  #reading(field, named) {
    const said = this.#said.get(field);
    const several = said.parts.length > 1;
    return make(
      "section",
      { class: "reading-of", "aria-label": field === "prompt" ? "The prompt" : "The negative prompt" },
      named && make("h3", {}, field === "prompt" ? "Prompt" : "Negative prompt"),
      said.template && said.parts.length > 0 && this.#example(said),
      said.parts.map((part, index) => make("div", { class: "reading-part" }, (several || part.weight !== 1) && make("p", { class: "muted small" }, several ? `Part ${index + 1} of AND, weight ${part.weight}` : `The whole prompt counts ${part.weight} times`), stages(part, said.steps))),
      said.parts.length === 0 && make("p", { class: "muted small" }, "It can be read once that is mended."),
      this.#extras(said),
    );
  }

  #example(said) {
    const own = this.#studio.form.values?.seed;
    const fixed = Number.isInteger(own) && own >= 0;
    const roll = make("button", { type: "button", class: "icon-button", "aria-label": "Another example", title: "Another example", onclick: () => this.#roll() }, icon("dice"));
    return make("div", { class: "example" }, make("p", {}, make("span", { class: "muted small" }, fixed ? `With seed ${said.seed}` : "For example"), make("span", { class: "example-words" }, said.text)), !fixed && roll);
  }

  #extras(said) {
    const loras = said.loras.map(({ name, unet_weight: unet, text_weight: text, problem }) => make("span", { class: `extra${problem ? " problem" : ""}` }, problem ? `${name || "?"}: not here` : unet === text ? `${name} × ${unet}` : `${name} × ${unet}, words × ${text}`));
    const words = said.embeddings.map((name) => make("span", { class: "extra" }, name));
    const row = (label, items) => items.length > 0 && make("p", { class: "extras" }, make("span", { class: "muted small" }, label), items);
    return [row(loras.length > 1 ? "LoRAs" : "LoRA", loras), row(words.length > 1 ? "Embeddings" : "Embedding", words)];
  }
}

/** What a part says in which steps; a prompt that stays the same is one stage without a heading. */
function stages({ stages: all, shown_until_step: until }, steps) {
  const heading = ({ first_step: first, last_step: last }) => (first === last ? `Step ${first}` : `Steps ${first} to ${last}`);
  const shown = all.map((stage) => make("div", { class: "stage-of" }, all.length > 1 && make("span", { class: "stage-steps" }, heading(stage)), make("div", { class: "chunks" }, stage.chunks.map((chunk) => chunkBox(chunk, stage.chunks.length > 1)))));
  return [...shown, until < steps && make("p", { class: "muted small" }, `It goes on changing until step ${steps}.`)];
}

function chunkBox({ used, pieces }, counted) {
  const words = pieces.length ? pieces.map(({ text, weight }, index) => piece({ text: index ? text : text.trimStart(), weight })) : make("span", { class: "muted" }, "nothing");
  return make("div", { class: "chunk" }, make("div", { class: "chunk-words" }, words), counted && make("span", { class: "chunk-count", title: `${used} of 75 tokens` }, `${used} / 75`));
}

function piece({ text, weight }) {
  if (weight === 1) return make("span", {}, text);
  const strength = Math.min(1, Math.abs(Math.log(Math.max(Math.abs(weight), 0.05))) / Math.log(2));
  const kind = weight < 0 ? "against" : weight > 1 ? "more" : "less";
  return make("span", { class: `weight ${kind}`, style: `--strength:${Math.round(15 + strength * 55)}%`, title: `weight ${weight}` }, text, make("sub", {}, String(Math.round(weight * 100) / 100)));
}

const within = (value, least, most) => (Number.isInteger(value) && value >= least && value <= most ? value : null);
