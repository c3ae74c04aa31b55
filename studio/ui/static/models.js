// The Models page: every model of the library as a card, with search and filters. What is wrong with one stands on it.

import { request } from "./api.js";
import { fillWith, make, sentence, setText } from "./dom.js";
import { icon } from "./icons.js";
import { modelCard } from "./model-card.js";
import { ModelDetails } from "./model-details.js";
import { ModelFilters } from "./model-filters.js";
import { KIND_TABS, OTHER_KINDS, familyName, modelCount, models as countOf, size } from "./model-words.js";
import { lorasIn, withWords } from "./prompt-loras.js";
import { toast } from "./toasts.js";

const PAUSE_MS = 200;
const LOOK_AGAIN_MS = 5000;
const SETTINGS = ["negative_prompt", "sampler", "schedule", "steps", "guidance_scale", "width_px", "height_px", "clip_skip", "eta", "vae"];

export class Models {
  #studio;
  #models = [];
  #problems = [];
  #revision = null;
  #kind = "all";
  #query = "";
  #drawn = "";
  #typingTimer = 0;
  #asking = 0;

  constructor(studio) {
    this.#studio = studio;
    this.grid = document.querySelector("#models-grid");
    this.note = document.querySelector("#models-note");
    this.total = document.querySelector("#models-total");
    this.search = document.querySelector("#models-search");
    this.tabs = document.querySelector("#models-kinds");
    this.details = new ModelDetails(this);
    this.filters = new ModelFilters(() => this.#render());
  }

  start() {
    this.search.addEventListener("input", () => {
      clearTimeout(this.#typingTimer);
      this.#typingTimer = setTimeout(() => this.#look(this.search.value), PAUSE_MS);
    });
    document.querySelector("#models-refresh").addEventListener("click", (event) => this.#lookAgain(event.currentTarget));
    setInterval(() => this.#isShown() && !document.hidden && this.#ask(), LOOK_AGAIN_MS);
    this.details.start();
  }

  /** Called whenever the page comes into view. */
  show(kind) {
    this.#kind = KIND_TABS.some(([name]) => name === kind) ? kind : "all";
    if (this.#revision === null) fillWith(this.grid, Array.from({ length: 8 }, () => make("span", { class: "model skeleton" })));
    else this.#render();
    return this.#ask();
  }

  // --- what cards and details ask for ---

  open(id) {
    this.details.open(id);
  }

  use(model) {
    location.hash = "#/create";
    this.#studio.form.fill({ from: "model", id: model.id });
  }

  /** A pickle is made into safetensors after asking, by another process of the studio's. */
  convert(model) {
    return this.#studio.getting.convert(model);
  }

  /** What is written on cards answers everybody's "auto", so only whoever keeps the models may write it. */
  get keepsModels() {
    return Boolean(this.#studio.me?.keeps_models);
  }

  insert(words, field = "prompt") {
    const prompt = this.#studio.form.read(field);
    const [lora] = lorasIn(words);
    const isThere = lora ? lorasIn(prompt).some(({ name }) => name === lora.name) : prompt.includes(words);
    if (isThere) return void toast("That is in the prompt already");
    this.#studio.form.write(field, words.startsWith("<") ? `${prompt.trimEnd()}${prompt.trim() ? " " : ""}${words}` : withWords(prompt, words));
    toast(`“${words}” is in the prompt`, { action: { label: "Go there", run: () => this.#toPrompt() } });
  }

  /** What the form says now that a checkpoint may have settings of its own for. */
  settings() {
    const { values } = this.#studio.form;
    const kept = SETTINGS.map((name) => [name, values?.[name] ?? null]).filter(([, value]) => value !== null && value !== "" && value !== "auto");
    return Object.fromEntries(kept);
  }

  /** Look again without being asked: a model has come. */
  lookAgain() {
    return this.#ask(true);
  }

  /** The same without looking through the folders: something stands on cards now. */
  askAgain() {
    return this.#ask();
  }

  checkBegun() {
    return this.#studio.checking.look();
  }

  /** The models that are shown and can be read, and whether that is every one there is. */
  shown() {
    const models = this.#found().filter((model) => model.size_bytes);
    return { models, everything: models.length === this.#models.filter((model) => model.size_bytes).length };
  }

  /** Who may get models is known now. */
  renderAnew() {
    this.#drawn = "";
    for (const card of this.grid.children) card.told = "";
    if (this.#revision !== null) this.#render();
  }

  #toPrompt() {
    location.hash = "#/create";
    this.#studio.usePrompt(this.#studio.form.read("prompt"));
  }

  changed(model) {
    this.#models = this.#models.map((known) => (known.id === model.id ? { ...known, ...model } : known));
    this.#render();
  }

  // --- asking ---

  #isShown() {
    return this.#studio.route === "models";
  }

  async #ask(refresh = false) {
    const asking = (this.#asking += 1);
    try {
      const answer = await request("GET", `models?kind=all${refresh ? "&refresh=true" : ""}`);
      if (asking !== this.#asking) return;
      this.#models = answer.models.sort(inOrder);
      this.#problems = answer.problems;
      this.#revision = answer.revision;
      this.#render();
    } catch (error) {
      if (asking !== this.#asking || (this.#models.length && !refresh)) return;
      if (!this.#models.length) fillWith(this.grid);
      const again = make("button", { type: "button", class: "button", onclick: () => this.#ask() }, "Try again");
      fillWith(this.note, make("p", { class: "reason", role: "alert" }, icon("alert"), make("span", {}, error.message), again));
    }
  }

  async #lookAgain(button) {
    button.disabled = true;
    const before = new Set(this.#models.map((model) => model.id));
    await this.#ask(true);
    button.disabled = false;
    const come = this.#models.filter((model) => !before.has(model.id)).length;
    toast(come ? `${modelCount(come)} found` : "Nothing new was found");
  }

  #look(query) {
    this.#query = query.trim().toLowerCase();
    this.#render();
  }

  // --- drawing ---

  /** What changing to a checkpoint costs has changed. */
  showCosts() {
    if (this.#revision !== null && this.#isShown()) this.#render();
  }

  #withCost(model) {
    return model.usable && model.kind === "checkpoint" ? { ...model, cost: this.#studio.residency.cost(model.name) } : model;
  }

  #belongs(model) {
    return this.#kind === "all" || model.kind === this.#kind || (this.#kind === "other" && OTHER_KINDS.includes(model.kind));
  }

  #found() {
    const words = this.#query.split(/\s+/).filter(Boolean);
    const holds = (model) => {
      const told = [model.name, model.file, model.folder, model.alias, model.kind, model.form, model.precision, model.notes, familyName(model.family), model.family, model.sha256, model.adapter_hash]
        .concat(model.about.title, model.about.author, model.about.description, model.about.trigger_words, model.trigger_words, model.defaults.title, model.defaults.notes, model.inpainting ? "inpainting" : "")
        .join("\n")
        .toLowerCase();
      return words.every((word) => told.includes(word));
    };
    return this.#models.filter((model) => this.#belongs(model) && this.filters.holds(model) && holds(model)).map((model) => this.#withCost(model));
  }

  #render() {
    const found = this.#found();
    const drawn = JSON.stringify([found, this.#kind, this.#problems, this.#query, this.filters.key, this.#models.map(({ family, folder }) => [family, folder])]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const cards = new Map([...this.grid.children].map((card) => [card.told, card]));
    fillWith(this.grid, found.map((model) => cards.get(JSON.stringify(model)) ?? modelCard(this, model)));
    setText(this.total, found.length ? countOf(found.length, this.#kind) : "");
    this.#renderTabs();
    this.filters.render(this.#models.filter((model) => this.#belongs(model)));
    this.#renderNote(found);
  }

  #renderTabs() {
    const tabs = KIND_TABS.map(([name, words]) => {
      const count = this.#models.filter((model) => name === "all" || model.kind === name || (name === "other" && OTHER_KINDS.includes(model.kind))).length;
      if (!count && !["all", "checkpoint", "lora"].includes(name) && name !== this.#kind) return null;
      return make("a", { href: `#/models/${name}`, "aria-current": name === this.#kind ? "page" : null }, words, make("span", { class: "count" }, count));
    });
    fillWith(this.tabs, tabs);
  }

  /** Where several pickles wait to be converted: all at once. */
  #pickles() {
    const pickled = this.#models.filter((model) => model.pickled);
    if (pickled.length < 2 || !this.keepsModels || this.#query || this.filters.narrow) return null;
    const whole = size(pickled.reduce((sum, model) => sum + model.size_bytes, 0));
    const all = make("button", { type: "button", class: "button", onclick: () => this.#studio.getting.convertAll(pickled) }, "Convert all…");
    return make("p", { class: "models-pickles" }, make("span", { class: "muted" }, `${modelCount(pickled.length)} (${whole}) are pickled, and can be used once they are converted to safetensors.`), all);
  }

  #renderNote(found) {
    const problems = this.#problems.map((words) => make("p", { class: "reason" }, icon("alert"), make("span", {}, sentence(words))));
    if (found.length) return fillWith(this.note, problems, this.#pickles());
    const filtered = this.#query || this.filters.narrow;
    const show = () => {
      this.search.value = "";
      this.filters.clear();
      this.#look("");
      this.search.focus();
    };
    const title = filtered ? "Nothing found" : "Nothing of this kind yet";
    const words = filtered
      ? this.#query
        ? "The search looks into names, notes, trigger words and hashes."
        : "No model of this kind is of that family and in that folder."
      : `Put files into ${this.#studio.modelsFolder} or give a folder with --models; they appear here by themselves.`;
    const clear = filtered ? make("button", { type: "button", class: "button", onclick: show }, "Show everything") : this.#studio.getting?.button() ?? null;
    return fillWith(this.note, problems, make("div", { class: "empty" }, make("h2", {}, title), make("p", { class: "muted" }, words), clear));
  }
}

/** Checkpoints first, then as the tabs go; within a kind what can be used, then the names. */
function inOrder(one, other) {
  const place = (model) => {
    const at = KIND_TABS.findIndex(([name]) => name === model.kind);
    return at < 0 ? KIND_TABS.length : at;
  };
  return place(one) - place(other) || Number(other.usable) - Number(one.usable) || one.name.localeCompare(other.name);
}
