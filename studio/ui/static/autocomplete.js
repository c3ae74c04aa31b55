// Offers LoRAs (<), wildcards (__), presets (/) and embeddings at the caret of a prompt. It opens only where one of
// them has been begun, and Escape, Enter in plain words and the caret's going away leave the typing alone.

import { request } from "./api.js";
import { matching, openAt, written } from "./completion.js";
import { fillWith, make } from "./dom.js";
import { placeOf, replaceIn } from "./typing.js";

const PROMPTS = "#field-prompt textarea, #field-negative_prompt textarea, #field-hires_prompt textarea, #field-hires_negative_prompt textarea";
const KEPT_MS = 20_000;
const NAMES = { lora: "LoRA", wildcard: "Wildcard", preset: "Preset", embedding: "Embedding" };

const ASKS = {
  lora: async () => (await request("GET", "models?kind=lora&usable=true")).models.map(({ name, weight, trigger_words: words }) => ({ name, weight, also: words.join(" "), told: words.slice(0, 3).join(", ") })),
  embedding: async () => (await request("GET", "models?kind=embedding&usable=true")).models.map(({ file }) => ({ name: file.replace(/\.[^.]+$/, ""), told: "embedding" })),
  wildcard: async () => (await request("GET", "wildcards")).files.flatMap(({ names }) => names.map(({ name, entries }) => ({ name, told: entries === 1 ? "1 entry" : `${entries} entries` }))),
  preset: async () => (await request("GET", "presets")).presets.filter(({ problem }) => !problem).map(({ name, title }) => ({ name: title, id: name, also: name, told: "preset" })),
};

export class Autocomplete {
  #studio;
  #offers = new Map();
  #area = null;
  #open = null;
  #shown = [];
  #at = -1;
  #asked = 0;

  constructor(studio) {
    this.#studio = studio;
    this.list = make("ul", { id: "completions", role: "listbox", "aria-label": "Suggestions", hidden: true });
    this.told = make("p", { class: "hidden-text", role: "status" });
    document.body.append(this.list, this.told);
  }

  get isOpen() {
    return !this.list.hidden;
  }

  start() {
    document.addEventListener("input", (event) => event.target.matches?.(PROMPTS) && !event.isComposing && void this.#look(event.target));
    document.addEventListener("keydown", (event) => this.#key(event), true);
    document.addEventListener("focusout", (event) => event.target === this.#area && this.close());
    document.addEventListener("selectionchange", () => this.isOpen && this.#moved());
    window.addEventListener("resize", () => this.close());
    document.addEventListener("scroll", (event) => this.isOpen && event.target !== this.list && this.#place(), true);
    this.list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.#take(Number(option.dataset.index));
    });
  }

  /** Forgets what there is: it has just been changed here. */
  forget(kind) {
    this.#offers.delete(kind);
  }

  async #look(area) {
    const turn = (this.#asked += 1);
    const open = area.selectionStart === area.selectionEnd ? openAt(area.value, area.selectionStart) : null;
    if (!open || (open.kind === "lora" && area.closest("#field-negative_prompt"))) return this.close();
    const offers = await this.#offered(open.kind);
    if (turn !== this.#asked || document.activeElement !== area) return undefined;
    const found = matching(offers, open.query).filter((offer) => open.kind !== "embedding" || offer.name.toLowerCase().startsWith(open.query.toLowerCase()));
    const complete = open.kind === "embedding" && found.some(({ name }) => name.toLowerCase() === open.query.toLowerCase());
    if (!found.length || complete) return this.close();
    return this.#show(area, open, found);
  }

  async #offered(kind) {
    const known = this.#offers.get(kind);
    if (known && known.until > performance.now()) return known.offers;
    try {
      const offers = await ASKS[kind]();
      this.#offers.set(kind, { offers, until: performance.now() + KEPT_MS });
      return offers;
    } catch {
      return known?.offers ?? []; // without an answer there is nothing to offer, and typing goes on
    }
  }

  #show(area, open, found) {
    this.close();
    [this.#area, this.#open, this.#shown] = [area, open, found];
    // Words are typed for their own sake: there nothing is chosen before somebody reaches for it.
    this.#at = open.kind === "embedding" ? -1 : 0;
    const option = (offer, index) =>
      make("li", { role: "option", id: `completion-${index}`, "data-index": index, "aria-selected": "false" }, make("span", { class: "completion-name" }, offer.name), make("span", { class: "completion-told" }, offer.told));
    fillWith(this.list, found.map(option));
    this.list.hidden = false;
    for (const [name, value] of [["aria-autocomplete", "list"], ["aria-controls", "completions"], ["aria-haspopup", "listbox"]]) area.setAttribute(name, value);
    this.told.textContent = `${NAMES[open.kind]}: ${found.length === 1 ? "1 suggestion" : `${found.length} suggestions`}`;
    this.#mark();
    this.#place();
  }

  close() {
    if (!this.isOpen) return;
    this.list.hidden = true;
    this.told.textContent = "";
    for (const name of ["aria-controls", "aria-activedescendant", "aria-haspopup"]) this.#area.removeAttribute(name);
    this.#area = null;
  }

  #place() {
    const { left, top, bottom } = placeOf(this.#area, this.#open.from);
    const { width, height } = this.list.getBoundingClientRect();
    const room = window.visualViewport ?? { width: window.innerWidth, height: window.innerHeight, offsetTop: 0 };
    const below = bottom + 6 + height <= room.offsetTop + room.height || top - 6 - height < 0;
    this.list.style.left = `${Math.max(8, Math.min(left - 10, window.innerWidth - width - 8))}px`;
    this.list.style.top = `${below ? bottom + 6 : top - 6 - height}px`;
  }

  #moved() {
    const area = this.#area;
    if (document.activeElement === area && (area.selectionStart < this.#open.from || area.selectionStart !== area.selectionEnd || area.selectionStart > this.#open.from + this.#open.query.length + 8)) this.close();
  }

  #mark() {
    for (const option of this.list.children) option.setAttribute("aria-selected", String(Number(option.dataset.index) === this.#at));
    const chosen = this.list.children[this.#at];
    if (chosen) {
      this.#area.setAttribute("aria-activedescendant", chosen.id);
      chosen.scrollIntoView({ block: "nearest" });
    } else {
      this.#area.removeAttribute("aria-activedescendant");
    }
  }

  #key(event) {
    if (!this.isOpen || event.target !== this.#area || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const turn = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (turn) {
      const count = this.#shown.length;
      this.#at = this.#at < 0 ? (turn > 0 ? 0 : count - 1) : (this.#at + turn + count) % count;
      this.#mark();
    } else if (event.key === "Escape") {
      this.close();
    } else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey && this.#at >= 0) {
      this.#take(this.#at);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  #take(index) {
    const [area, open, offer] = [this.#area, this.#open, this.#shown[index]];
    const caret = area.selectionStart;
    this.close();
    this.#asked += 1;
    replaceIn(area, open.from, caret, written(open, offer, area.value.slice(caret)));
    this.close();
    this.#asked += 1;
    const { presets } = this.#studio;
    if (open.kind === "preset" && !presets.has(offer.id)) setTimeout(() => presets.toggle(offer.id), 150); // once Gradio has taken the text
  }
}
