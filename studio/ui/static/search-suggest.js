// Suggestions under the gallery's search: the names of fields while one is begun, and after the colon what there is to
// look for, with how many pictures it finds. Up and Down choose, Enter or Tab takes, Esc leaves the text as it is.

import { request } from "./api.js";
import { fillWith, make } from "./dom.js";

const FIELDS = [
  ["sampler:", "a name, or a piece of it"],
  ["model:", "the checkpoint"],
  ["steps", "steps>20, steps:8..20"],
  ["seed:", "a number"],
  ["size", "size>=512, size:512x768"],
  ["width", "width:512"],
  ["height", "height<512"],
  ["date", "date>=2026-03, date:2026-03-14"],
  ["fav:", "yes or no"],
  ["tag:", "what you tagged"],
  ["album:", "what you put into one"],
  ["negative:", "words of the negative prompt"],
];
const WORD = /(?:^|\s)(-?)([a-z]+)$/i;
const VALUE = /(?:^|\s)-?(sampler|model|tag|album|fav|date)(:|=|>=?|<=?)("?)([^"]*)$/i;
const MOST_SHOWN = 8;
const FRESH_MS = 30_000;

export class SearchSuggestions {
  #box;
  #list;
  #search;
  #shown = [];
  #at = -1;
  #values = null;
  #asked = 0;

  /** search(words) is called when a suggestion has completed the text. */
  constructor(box, search) {
    this.#box = box;
    this.#search = search;
    this.#list = make("ul", { id: "search-suggestions", role: "listbox", "aria-label": "Suggestions", hidden: true });
    box.parentElement.append(this.#list);
    for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": "search-suggestions" })) box.setAttribute(name, value);
    box.addEventListener("input", () => void this.#suggest());
    box.addEventListener("focus", () => void this.#ask());
    box.addEventListener("blur", () => this.#show([]));
    box.addEventListener("keydown", (event) => this.#key(event));
  }

  async #suggest() {
    const before = this.#box.value.slice(0, this.#box.selectionStart);
    const value = VALUE.exec(before);
    if (value && !(value[3] === "" && /\s/.test(value[4]))) {
      await this.#ask();
      if (before !== this.#box.value.slice(0, this.#box.selectionStart)) return;
      return this.#show(this.#valuesFor(value[1].toLowerCase(), value[4], value[3].length + value[4].length));
    }
    const word = WORD.exec(before);
    if (!word || word[2].length < 2) return this.#show([]);
    const begun = word[2].toLowerCase();
    this.#show(FIELDS.filter(([name]) => name.startsWith(begun)).map(([name, words]) => ({ text: name, words, replaces: word[2].length, isField: true })));
  }

  #valuesFor(field, begun, replaces) {
    const wanted = begun.toLowerCase();
    return this.#known(field)
      .filter(([name]) => name.toLowerCase().includes(wanted) && name.toLowerCase() !== wanted)
      .sort(([a], [b]) => b.toLowerCase().startsWith(wanted) - a.toLowerCase().startsWith(wanted))
      .map(([name, words]) => ({ text: /[^\w.-]/.test(name) ? `"${name}"` : name, label: name, words, replaces }));
  }

  #known(field) {
    if (field === "fav") return [["yes", "favourites"], ["no", "the others"]];
    if (field === "date") return dates();
    return Object.entries(this.#values?.[field] ?? {}).map(([name, count]) => [name, count.toLocaleString("en")]);
  }

  async #ask() {
    if (this.#values && performance.now() - this.#asked < FRESH_MS) return;
    this.#asked = performance.now();
    try {
      this.#values = await request("GET", "images/values");
    } catch {
      // an extra: whoever knows the name can type it
    }
  }

  #show(suggestions) {
    this.#shown = suggestions.slice(0, MOST_SHOWN);
    this.#at = -1;
    const rows = this.#shown.map((one, at) =>
      make("li", { id: `search-suggestion-${at}`, role: "option", "aria-selected": "false", onpointerdown: (event) => { event.preventDefault(); this.#take(at); } }, make("span", {}, one.label ?? one.text), make("small", { class: "muted" }, one.words)),
    );
    fillWith(this.#list, rows);
    this.#list.hidden = !rows.length;
    this.#box.setAttribute("aria-expanded", String(rows.length > 0));
    this.#mark();
  }

  #mark() {
    [...this.#list.children].forEach((row, at) => row.setAttribute("aria-selected", String(at === this.#at)));
    if (this.#at < 0) this.#box.removeAttribute("aria-activedescendant");
    else this.#box.setAttribute("aria-activedescendant", `search-suggestion-${this.#at}`);
  }

  #take(at) {
    const { text, replaces, isField } = this.#shown[at];
    const end = this.#box.selectionStart;
    const after = this.#box.value.slice(end);
    const done = isField ? text : `${text} `;
    this.#box.value = this.#box.value.slice(0, end - replaces) + done + after.replace(/^"?\s*/, "");
    this.#box.selectionStart = this.#box.selectionEnd = end - replaces + done.length;
    if (isField) return void this.#suggest();
    this.#show([]);
    this.#search(this.#box.value);
  }

  #key(event) {
    if (!this.#shown.length || event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      const places = this.#shown.length + 1; // the last is the text itself
      this.#at = ((this.#at + 1 + step + places) % places) - 1;
      this.#mark();
    } else if (event.key === "Escape") this.#show([]);
    else if ((event.key === "Enter" || event.key === "Tab") && this.#at >= 0) this.#take(this.#at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** Today, this month and this year, and the ones before, as the search takes them. */
function dates() {
  const today = new Date();
  const day = (back) => new Date(today - back * 86_400_000).toISOString().slice(0, 10);
  const month = (back) => new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth() - back, 1)).toISOString().slice(0, 7);
  return [[day(0), "today"], [day(1), "yesterday"], [month(0), "this month"], [month(1), "last month"], [String(today.getUTCFullYear()), "this year"]];
}
