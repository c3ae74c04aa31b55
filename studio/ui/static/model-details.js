// Everything about one model, in a dialog: what it is, what may be copied, and the notes a person keeps on it.

import { request } from "./api.js";
import { fillWith, make, sentence } from "./dom.js";
import { icon } from "./icons.js";
import { actions, portrait, problem, remark, unsound } from "./model-card.js";
import { checkPanel } from "./model-check.js";
import { predictionFields, vaeField, wordFields } from "./model-writing.js";
import { familyName, kindName, size, traits } from "./model-words.js";
import { placeToasts, toast } from "./toasts.js";

export class ModelDetails {
  #page;
  #model = null;

  constructor(page) {
    this.#page = page;
    this.dialog = document.querySelector("#model-details");
  }

  start() {
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.dialog.addEventListener("close", () => {
      this.#save();
      placeToasts();
    });
  }

  async open(id) {
    try {
      this.#model = await request("GET", `models/${id}`);
    } catch (error) {
      return toast(error.message, { kind: "error" });
    }
    this.#render();
    this.dialog.setAttribute("aria-label", this.#model.name);
    this.dialog.showModal();
    placeToasts();
    return undefined;
  }

  /** The same place stays in view, and the keyboard where it was. */
  #renderAnew() {
    const top = this.dialog.scrollTop;
    const called = (element) => element?.labels?.[0]?.textContent || element?.textContent;
    const focused = called(document.activeElement);
    this.#render();
    placeToasts();
    this.dialog.scrollTop = top;
    [...this.dialog.querySelectorAll("input, select, button")].find((element) => called(element) === focused)?.focus({ preventScroll: true });
  }

  #render() {
    const model = this.#model;
    const close = make("button", { type: "button", class: "icon-button", "aria-label": "Close", onclick: () => this.dialog.close() }, icon("close"));
    const run = (what) => (...given) => {
      this.dialog.close();
      what(...given);
    };
    const buttons = actions({ keepsModels: this.#page.keepsModels, convert: run((chosen) => this.#page.convert(chosen)), use: run((chosen) => this.#page.use(chosen)), insert: run((words) => this.#page.insert(words)) }, model);
    fillWith(
      this.dialog,
      make("div", { class: "details-head" }, make("h2", {}, model.name), close),
      make(
        "div",
        { class: "details-body" },
        make("div", { class: "details-portrait" }, portrait(model)),
        this.#picture(model),
        model.problem ? problem(model) : null,
        model.remark ? remark(model) : null,
        this.#page.keepsModels ? null : unsound(model), // to whoever keeps them, the check says so below
        model.warning ? make("p", { class: "model-warning" }, make("span", {}, sentence(model.warning))) : null,
        buttons.length ? make("div", { class: "model-actions" }, ...buttons) : null,
        this.#words(model),
        this.#notes(model),
        this.#recipe(model),
        this.#vae(model),
        this.#prediction(model),
        this.#facts(model),
        this.#metadata(model),
      ),
    );
  }

  #picture(model) {
    if (!model.picture_id || !this.#page.keepsModels) return null;
    return make("button", { type: "button", class: "link-button", onclick: () => this.#write(null, "Its maker’s picture is shown again", "DELETE", "/picture") }, "Take this picture away");
  }

  #words(model) {
    const negative = model.about.negative_words;
    const writes = this.#page.keepsModels && ["lora", "checkpoint", "embedding"].includes(model.kind);
    if (!model.trigger_words.length && !negative.length && !writes) return null;
    const chip = (title, insert) => (word) => make("button", { type: "button", class: "chip", title, onclick: () => insert(word) }, word);
    const chips = (words, title, insert) => (words.length ? make("p", { class: "chips" }, words.map(chip(title, insert))) : null);
    return make(
      "section",
      {},
      make("h3", {}, "Trigger words"),
      chips(model.trigger_words, "Insert into the prompt", (word) => this.#page.insert(word)),
      negative.length ? make("p", { class: "muted small own-label" }, "For the negative prompt") : null,
      chips(negative, "Insert into the negative prompt", (word) => this.#page.insert(word, "negative_prompt")),
      writes ? wordFields(model, (change, words) => this.#write(change, words)) : null,
    );
  }

  /** Of a checkpoint that has none of its own. */
  #vae(model) {
    if (!model.remark || !model.fitting_vaes.length || !this.#page.keepsModels) return null;
    return vaeField(model, (change, words) => this.#write(change, words));
  }

  #prediction(model) {
    if (model.kind !== "checkpoint" || !model.usable || !this.#page.keepsModels) return null;
    return predictionFields(model, (change, words) => this.#write(change, words));
  }

  #notes(model) {
    const theirs = model.defaults.notes || model.about.description;
    const told = theirs ? make("p", { class: "muted details-theirs" }, theirs) : null;
    this.notes = null;
    if (!this.#page.keepsModels) return model.notes || theirs ? make("section", {}, make("h3", {}, "Notes"), model.notes ? make("p", { class: "details-theirs" }, model.notes) : null, told) : null;
    this.notes = make("textarea", { rows: 3, maxlength: 10000, placeholder: "What is it good at? Kept in your home folder.", "aria-label": "Notes" });
    this.notes.value = model.notes;
    this.notes.addEventListener("change", () => this.#save());
    return make("section", {}, make("h3", {}, "Notes"), this.notes, told);
  }

  #recipe(model) {
    const fields = Object.entries(model.recipe);
    const keeps = this.#page.keepsModels;
    if (model.kind !== "checkpoint" || (!fields.length && !(model.usable && keeps))) return null;
    const forget = keeps && fields.length ? make("button", { type: "button", class: "link-button", onclick: () => this.#write({ recipe: {} }, "Its settings are forgotten") }, "Forget them") : null;
    const keep = make("button", { type: "button", class: "button", onclick: () => this.#write({ recipe: this.#page.settings() }, "“Use” fills these in from now on") }, "Keep the form’s settings for it");
    const told = fields.length ? fields.map(([name, value]) => `${name.replace(/_px$/, "").replaceAll("_", " ")} ${value}`).join(", ") : "None yet: it begins with what suits its family.";
    return make("section", {}, make("h3", {}, "Settings of its own"), make("p", { class: "muted" }, told), make("p", { class: "details-settings" }, model.usable && keeps ? keep : null, forget));
  }

  #facts(model) {
    const rows = [
      ["Kind", kindName(model.kind)],
      ["Family", familyName(model.family)],
      ["Is", traits(model).filter((words) => words !== familyName(model.family)).join(", ")],
      ["Trained at", model.native_size_px ? `${model.native_size_px} px` : ""],
      ["Size", `${size(model.size_bytes)} (${model.size_bytes.toLocaleString("en")} bytes)`],
      ["File", model.folder ? `${model.folder}/${model.file}` : model.file],
      ["Made of", model.replaces.join(", ")],
      ["Also called", model.alias === model.name ? "" : model.alias],
      ["Hash", model.sha256 ? model.short_hash : "being computed"],
      ["SHA-256", model.sha256],
      ["LoRA hash", model.kind === "lora" ? model.adapter_hash : ""],
      ["Title", model.about.title],
      ["By", model.about.author],
      ["Licence", model.about.licence],
      ["Trained on", model.about.base_model],
      ["Weight", model.kind === "lora" && model.weight !== null ? String(model.weight) : ""],
    ].filter(([, value]) => value);
    const list = make("dl", { class: "recipe" }, rows.map(([name, value]) => make("div", { class: value.length > 40 ? "long" : "" }, make("dt", {}, name), make("dd", {}, value))));
    return make("section", {}, list, this.#check(model));
  }

  /** Reading gigabytes again is for whoever keeps the models. */
  #check(model) {
    if (!this.#page.keepsModels || model.trouble === "damaged") return null;
    return checkPanel(model, { problem, begun: () => this.#page.checkBegun(), ended: () => this.#page.askAgain() });
  }

  #metadata(model) {
    const said = Object.entries(model.metadata);
    if (!said.length) return null;
    const list = make("dl", { class: "recipe" }, said.map(([name, value]) => make("div", { class: "long" }, make("dt", {}, name), make("dd", {}, value))));
    return make("details", {}, make("summary", {}, `What the file says of itself (${said.length})`), list);
  }

  #save() {
    if (this.#model && this.notes && this.notes.value !== this.#model.notes) void this.#write({ notes: this.notes.value }, "Notes kept");
  }

  async #write(given, words, method = "PATCH", below = "") {
    const { id } = this.#model;
    const change = given ?? {};
    if ("notes" in change) this.#model.notes = change.notes;
    try {
      const written = await request(method, `models/${id}${below}`, given ?? undefined);
      if (this.#model.id === id) this.#model = { ...this.#model, ...written };
      this.#page.changed(written);
      toast(words);
      if (!("notes" in change)) this.#renderAnew();
    } catch (error) {
      if (this.#model.id === id && "notes" in change) this.#model.notes = null;
      toast(`That was not kept. ${error.message}`, { kind: "error" });
    }
  }
}
