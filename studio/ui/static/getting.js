// Getting models: the list to begin with, what a repository of the hub holds, and what is on its way. The studio
// fetches; the page only looks, so closing it stops nothing. Shown to whoever keeps the models.

import { request } from "./api.js";
import { arrivalRow } from "./arrival-row.js";
import { fillWith, make, sentence } from "./dom.js";
import { icon } from "./icons.js";
import { kindName, modelCount, size } from "./model-words.js";
import { ask } from "./question.js";
import { placeToasts, toast } from "./toasts.js";

const OFTEN_MS = 1000;
const SELDOM_MS = 8000;
const MANY = 4;

export const isOnItsWay = (arrival) => ["waiting", "running"].includes(arrival.state);

export class Getting {
  allowed = false;
  #studio;
  #arrivals = [];
  #first = null;
  #found = null;
  #timer = 0;
  #looked = 0;
  #filesOpen = false;
  #come = [];

  constructor(studio) {
    this.#studio = studio;
    this.dialog = document.querySelector("#model-getting");
    this.strip = document.querySelector("#models-arrivals");
    this.opener = document.querySelector("#models-get");
  }

  start() {
    this.allowed = true;
    this.opener.hidden = false;
    this.opener.addEventListener("click", () => this.open());
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.dialog.addEventListener("close", () => placeToasts());
    this.#studio.models.renderAnew();
    void this.#watch();
  }

  button() {
    return this.allowed ? make("button", { type: "button", class: "button primary", onclick: () => this.open() }, "Get models…") : null;
  }

  async open() {
    this.#build();
    this.dialog.showModal();
    placeToasts();
    this.field.focus();
    try {
      this.#first = await request("GET", "models/first");
    } catch (error) {
      this.#first = { problem: error.message };
    }
    this.#render();
  }

  async convert(model) {
    const words = `Its weights are written as safetensors into the models folder (about ${size(model.size_bytes)}). Another process reads the pickle, as weights and nothing else; the pickle stays.`;
    const yes = await ask(`Convert ${model.file}?`, words, "Convert", { no: "Leave it", kind: "primary" });
    if (yes) await this.#send("POST", `models/${model.id}/convert`);
  }

  /** All pickles, one after the other, after asking once. */
  async convertAll(models) {
    const whole = models.reduce((sum, model) => sum + model.size_bytes, 0);
    let room = "";
    try {
      const { free_bytes: free } = await request("GET", "models/first");
      room = ` ${size(free)} are free there.`;
      if (free < whole) return toast(`There is not enough room: about ${size(whole)} are needed, and ${size(free)} are free.`, { kind: "error" });
    } catch {
      // the studio checks it too, and says so
    }
    const words = `Their weights are written as safetensors into the models folder, one after the other (about ${size(whole)} in all).${room} Another process reads the pickles, as weights and nothing else; the pickles stay.`;
    if (!(await ask(`Convert ${models.length} models?`, words, "Convert all", { no: "Leave them", kind: "primary" }))) return undefined;
    try {
      const { refused } = await request("POST", "models/convert", { models: models.map((model) => model.id) });
      for (const one of refused) toast(`${one.file} is not converted. ${one.problem}`, { kind: "error" });
    } catch (error) {
      return toast(error.message, { kind: "error" });
    }
    await this.#look();
    return this.#watch();
  }

  // --- what is on its way ---

  async #watch() {
    clearTimeout(this.#timer);
    if (!document.hidden && (this.#studio.route === "models" || this.#arrivals.some(isOnItsWay) || !this.#looked)) await this.#look();
    this.#timer = setTimeout(() => void this.#watch(), this.#arrivals.some(isOnItsWay) ? OFTEN_MS : SELDOM_MS);
  }

  async #look() {
    try {
      const { arrivals } = await request("GET", "models/arrivals");
      const was = new Map(this.#arrivals.map((one) => [one.id, one.state]));
      this.#arrivals = arrivals;
      const come = arrivals.filter((one) => one.state === "done" && isOnItsWay({ state: was.get(one.id) }));
      const failed = arrivals.filter((one) => one.state === "failed" && isOnItsWay({ state: was.get(one.id) }));
      this.#tellOf(come, arrivals.filter(isOnItsWay).length);
      for (const one of failed) toast(`${one.name} did not arrive. ${one.problem}`, { kind: "error" });
      if (come.length) void this.#studio.models.lookAgain();
      if (this.#looked && come.length && this.dialog.open) await this.#lookAtOffers();
    } catch {
      return; // the next look may do: nothing depends on it
    }
    this.#looked += 1;
    this.#render();
  }

  /** Each that came, but of many in a row only the last one, for all of them. */
  #tellOf(come, underway) {
    this.#come.push(...come);
    if (!come.length || (underway && this.#come.length + underway >= MANY)) return;
    const told = this.#come.splice(0);
    if (told.length >= MANY) toast(`${modelCount(told.length)} are in the library`);
    else for (const one of told) toast(`${one.name} is in the library`);
  }

  /** What came is here now: so say the list and what was found. */
  async #lookAtOffers() {
    this.#first = await request("GET", "models/first");
    if (this.#found) this.#found = await request("GET", `models/hub?model=${encodeURIComponent(this.#found.asked)}`).then((found) => ({ ...found, asked: this.#found.asked }));
  }

  async #send(method, path, body) {
    try {
      const arrival = await request(method, path, body);
      if (method !== "DELETE" && !this.#arrivals.some((one) => one.id === arrival.id)) this.#arrivals = [...this.#arrivals, arrival];
      await this.#look();
      void this.#watch();
      return arrival;
    } catch (error) {
      toast(error.message, { kind: "error" });
      return null;
    }
  }

  #pull(model, file, variant = "") {
    return this.#send("POST", "models/arrivals", { model, file, variant });
  }

  #again(arrival) {
    if (arrival.way === "convert") return this.#send("POST", `models/${arrival.model_id}/convert`);
    return this.#pull(addressOf(arrival.source, arrival.revision), arrival.file, arrival.variant);
  }

  #row(arrival) {
    return arrivalRow(arrival, { again: () => this.#again(arrival), remove: () => this.#send("DELETE", `models/arrivals/${arrival.id}`) });
  }

  /** All of them: of a long line the first ones, with what can be done to many at once below. */
  #rows() {
    const waiting = this.#arrivals.filter((one) => one.state === "waiting");
    const later = waiting.length >= MANY ? waiting.slice(2) : [];
    const done = this.#arrivals.filter((one) => one.state === "done");
    const rows = this.#arrivals.filter((one) => !later.includes(one)).map((one) => this.#row(one));
    const remove = async (all) => {
      for (const one of all) {
        const gone = () => null; // or ended, meanwhile
        const stopped = await request("DELETE", `models/arrivals/${one.id}`).catch(gone);
        // Nothing of a conversion is kept, so nothing of it needs to stand there.
        if (stopped?.state === "stopped" && one.way === "convert") await request("DELETE", `models/arrivals/${one.id}`).catch(gone);
      }
      return this.#look();
    };
    const button = (words, all) => make("button", { type: "button", class: "button", "data-key": words, onclick: () => remove(all) }, words);
    const stop = later.length ? button("Stop all", this.#arrivals.filter(isOnItsWay).reverse()) : null;
    const dismiss = done.length >= MANY ? button("Dismiss all that came", done) : null;
    if (!stop && !dismiss) return rows;
    const words = later.length ? `${modelCount(later.length)} more waiting` : "";
    return [...rows, make("div", { class: "arrival arrival-all" }, make("p", { class: "arrival-words muted" }, words), make("div", { class: "arrival-buttons" }, [dismiss, stop].filter(Boolean)))];
  }

  // --- the drawer ---

  #build() {
    const close = make("button", { type: "button", class: "icon-button", "aria-label": "Close", onclick: () => this.dialog.close() }, icon("close"));
    this.field = make("input", { id: "hub-model", type: "text", placeholder: "owner/name, or an address", autocomplete: "off", spellcheck: "false", autocapitalize: "off" });
    this.found = make("div", { class: "hub-found", role: "status" });
    this.listed = make("div", { class: "getting-list" });
    this.underway = make("div", {});
    this.place = make("p", { class: "muted small" });
    const form = make(
      "form",
      { class: "hub-look", onsubmit: (event) => (event.preventDefault(), void this.#lookUp()) },
      make("label", { for: "hub-model" }, "From the Hugging Face hub"),
      this.field,
      make("button", { class: "button" }, "Look"),
    );
    fillWith(
      this.dialog,
      make("div", { class: "details-head" }, make("h2", {}, "Get models"), close),
      make("div", { class: "details-body" }, this.underway, make("section", {}, form, this.found), make("section", {}, make("h3", {}, "Good to begin with"), this.listed), this.place),
    );
    this.#found = null;
    this.#render();
  }

  async #lookUp() {
    const model = this.field.value.trim();
    if (!model) return this.field.focus();
    fillWith(this.found, make("p", { class: "muted" }, "Looking…"));
    try {
      this.#filesOpen = false;
      this.#found = { ...(await request("GET", `models/hub?model=${encodeURIComponent(model)}`)), asked: model };
    } catch (error) {
      this.#found = null;
      return fillWith(this.found, make("p", { class: "reason" }, icon("alert"), make("span", {}, sentence(error.message))));
    }
    return this.#render();
  }

  #render() {
    const rows = this.#rows();
    keepFocus(this.strip, rows);
    this.strip.hidden = !rows.length;
    if (!this.dialog.open && !this.listed) return;
    keepFocus(this.underway, this.#rows());
    this.underway.className = rows.length ? "getting-underway" : "";
    if (this.#found) keepFocus(this.found, this.#files());
    const first = this.#first;
    keepFocus(this.listed, !first ? [make("p", { class: "muted" }, "…")] : first.problem ? [make("p", { class: "reason" }, icon("alert"), make("span", {}, sentence(first.problem)))] : first.models.map((model) => this.#offer(model)));
    this.place.textContent = first?.folder ? `Models go into ${first.folder}, where ${size(first.free_bytes)} are free. Only safetensors files are fetched, and the hash of each is checked.` : "";
  }

  #files() {
    const { repository, revision, files, pipelines } = this.#found;
    if (!files.length && !pipelines.length) return [make("p", { class: "muted" }, `${repository} holds no safetensors file.`)];
    const from = addressOf(repository, revision);
    const folders = pipelines.map((one) => {
      const precision = one.variant ? "half precision (fp16)" : pipelines.length > 1 ? "full precision" : "";
      const facts = [size(one.size_bytes), `${one.files} files`, precision].filter(Boolean).join(" · ");
      return this.#hubRow(`${repository.split("/")[1]}${one.variant ? `-${one.variant}` : ""}`, `The whole model as a folder · ${facts}`, one, repository, () => this.#pull(from, one.file, one.variant));
    });
    const rows = files.map((one) => this.#hubRow(one.file, size(one.size_bytes), one, repository, () => this.#pull(from, one.file)));
    if (!folders.length) return rows;
    // The parts of a folder are no models by themselves, so they do not stand beside it.
    return rows.length ? [...folders, make("details", { class: "hub-files", open: this.#filesOpen, ontoggle: (event) => (this.#filesOpen = event.target.open) }, make("summary", {}, `Single files of it (${rows.length})`), rows)] : folders;
  }

  #hubRow(name, facts, one, repository, run) {
    const problem = one.problem ? make("p", { class: "model-problem small" }, icon("alert"), make("span", {}, sentence(one.problem))) : null;
    return make("div", { class: "getting-row" }, make("div", { class: "getting-words" }, make("strong", {}, name), make("p", { class: "muted small" }, facts), problem), this.#fetchButton(name, one.here, repository, one.file, run, one.variant));
  }

  #offer(model) {
    const facts = [kindName(model.kind), size(model.size_bytes), model.licence, `for GPUs of ${model.memory_gb} GB or more`].join(" · ");
    return make(
      "div",
      { class: "getting-row", "data-model": model.name },
      make("div", { class: "getting-words" }, make("strong", {}, model.name), make("p", {}, model.about), make("p", { class: "muted small" }, facts)),
      this.#fetchButton(model.name, model.here, model.repository, model.file, () => this.#pull(model.name, "")),
    );
  }

  #fetchButton(words, here, repository, file, run, variant = "") {
    if (here) return make("span", { class: "getting-here muted" }, icon("check"), "Here");
    const underway = this.#arrivals.find((one) => one.source === repository && one.file === file && one.variant === variant && isOnItsWay(one));
    if (underway) return make("span", { class: "getting-here muted" }, "On its way");
    return make("button", { type: "button", class: "button", "aria-label": `Fetch ${words}`, "data-key": `fetch ${repository} ${file} ${variant}`, onclick: run }, "Fetch");
  }
}

/** How the hub calls one state of a repository. */
const addressOf = (repository, revision) => `${repository}/tree/${encodeURIComponent(revision)}`;

/** Fills with new rows, and gives the focus back to the button that had it. */
function keepFocus(element, rows) {
  if (element.told === told(rows)) return;
  const key = element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  fillWith(element, rows);
  element.told = told(rows);
  if (key) [...element.querySelectorAll("[data-key]")].find((button) => button.dataset.key === key)?.focus();
}

const told = (rows) => rows.map((row) => row.outerHTML).join("");
