// The tiles of the strip: by family and search, reached by arrow keys, each with its picture and what is wrong with it.

import { address } from "./api.js";
import { fillWith, make, setText } from "./dom.js";
import { icon } from "./icons.js";

const FAMILY_KEY = "latent-studio.preset-family";
const ALL_KEY = "latent-studio.preset-all";
const MINE = " mine";
const STARTER = "Starter";

export class PresetStrip {
  #presets;
  #starterFirst;

  constructor(presets, starterFirst) {
    this.#presets = presets;
    this.#starterFirst = starterFirst;
    this.place = document.querySelector("#preset-strip");
    this.family = document.querySelector("#preset-family");
    this.search = document.querySelector("#preset-search");
    this.all = document.querySelector("#preset-all");
    this.note = document.querySelector("#preset-note");
  }

  start() {
    this.family.addEventListener("change", () => {
      localStorage.setItem(FAMILY_KEY, this.family.value);
      this.draw();
    });
    this.search.addEventListener("input", () => this.draw());
    this.search.addEventListener("keydown", (event) => this.#searchKey(event));
    this.all.addEventListener("click", () => this.#showAll(this.all.getAttribute("aria-expanded") !== "true"));
    this.place.addEventListener("keydown", (event) => this.#key(event));
    this.place.addEventListener("focusin", (event) => this.#at(event.target.closest("[data-preset]")));
    this.place.addEventListener("mouseover", (event) => this.#at(event.target.closest("[data-preset]"), false));
    this.#showAll(localStorage.getItem(ALL_KEY) === "yes");
  }

  draw() {
    this.#drawFamilies();
    const shown = this.#shown();
    const scrolled = this.place.scrollLeft;
    const focused = document.activeElement?.closest("#preset-strip [data-preset]")?.dataset.preset;
    if (!shown.length) fillWith(this.place, make("p", { class: "muted small preset-none" }, this.search.value ? `No preset has “${this.search.value.trim()}” in it.` : "There is no preset here yet."));
    else fillWith(this.place, shown.map((preset) => this.#tile(preset)));
    this.place.scrollLeft = scrolled;
    this.mark();
    this.#reachable(focused);
    if (focused) this.#tileOf(focused)?.focus({ preventScroll: true });
  }

  /** Shows which tiles are laid over the form, with their places. */
  mark() {
    const names = this.#presets.layers.map((layer) => layer.name);
    for (const tile of this.place.querySelectorAll("[data-preset]")) {
      const place = names.indexOf(tile.dataset.preset);
      tile.setAttribute("aria-pressed", String(place >= 0));
      setText(tile.querySelector(".preset-place"), place >= 0 ? String(place + 1) : "");
    }
  }

  /** Brings a preset into view, whatever was looked for. */
  reveal(name) {
    const preset = this.#presets.find(name);
    if (!preset) return;
    this.search.value = "";
    if (preset.origin === "own") this.family.value = MINE;
    if (!this.#matching(preset)) this.family.value = "";
    localStorage.setItem(FAMILY_KEY, this.family.value);
    this.draw();
    this.#tileOf(name)?.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.sayOf(preset);
  }

  say(words) {
    fillWith(this.note, words);
  }

  sayOf(preset) {
    this.note.dataset.noted = preset.name;
    this.note.classList.toggle("wrong", Boolean(preset.problem));
    fillWith(
      this.note,
      make("span", { role: preset.problem ? "alert" : null }, make("strong", {}, preset.title), ` ${preset.problem ? `cannot be used: ${preset.problem}` : preset.notes}`),
      make("button", { type: "button", class: "icon-button", "data-preset-details": preset.name, "aria-label": `Details of ${preset.title}`, title: "Details", onclick: () => this.#presets.details.open(preset.name) }, icon("more")),
    );
  }

  #shown() {
    const rank = (preset) => (preset.origin === "own" ? 0 : preset.family === STARTER && !this.#starterFirst ? 2 : 1);
    return this.#presets.list
      .filter((preset) => this.#matching(preset))
      .map((preset, at) => [rank(preset), at, preset])
      .sort((one, other) => one[0] - other[0] || one[1] - other[1])
      .map((entry) => entry[2]);
  }

  #matching(preset) {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const family = this.family.value;
    if (!words.length && family === MINE && preset.origin !== "own") return false;
    if (!words.length && family && family !== MINE && preset.family !== family) return false;
    const text = [preset.title, preset.name, preset.family, preset.notes, ...preset.tags].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  }

  #drawFamilies() {
    const chosen = this.family.options.length ? this.family.value : (localStorage.getItem(FAMILY_KEY) ?? "");
    const families = [...new Set(this.#presets.list.map((preset) => preset.family))].filter(Boolean);
    const mine = this.#presets.list.some((preset) => preset.origin === "own") ? [[MINE, "Mine"]] : [];
    const options = [["", "All families"], ...mine, ...families.map((family) => [family, family])];
    const words = JSON.stringify(options);
    if (this.family.dataset.options === words) return;
    this.family.dataset.options = words;
    fillWith(this.family, options.map(([value, name]) => make("option", { value }, name)));
    this.family.value = options.some(([value]) => value === chosen) ? chosen : "";
  }

  #tile(preset) {
    const picture = make("img", { src: address(preset.thumbnail), alt: "", width: 80, height: 80, loading: "lazy", decoding: "async", onerror: (event) => event.target.remove() });
    return make(
      "button",
      {
        type: "button",
        class: "preset-tile",
        "data-preset": preset.name,
        "data-family": preset.family,
        "data-origin": preset.origin,
        "data-problem": preset.problem,
        "aria-pressed": "false",
        "aria-label": preset.problem ? `${preset.title}: cannot be used` : preset.title,
        title: preset.problem ? `${preset.title} cannot be used: ${preset.problem}` : `${preset.title}. ${preset.notes}`,
        tabindex: -1,
        onclick: () => {
          this.sayOf(preset);
          this.#presets.toggle(preset.name);
        },
      },
      make("span", { class: "preset-picture" }, picture, preset.problem && make("span", { class: "preset-trouble" }, icon("alert")), make("span", { class: "preset-place", "aria-hidden": "true" })),
      make("span", { class: "preset-title" }, preset.title),
    );
  }

  #tileOf(name) {
    return [...this.place.querySelectorAll("[data-preset]")].find((tile) => tile.dataset.preset === name);
  }

  #at(tile, keeps = true) {
    const preset = tile && this.#presets.find(tile.dataset.preset);
    if (!preset) return;
    if (keeps) this.#reachable(preset.name);
    if (this.note.dataset.noted !== preset.name || !this.note.firstChild) this.sayOf(preset);
  }

  /** One tile at a time is in the tab order; arrows lead to the others. */
  #reachable(name) {
    const tiles = [...this.place.querySelectorAll("[data-preset]")];
    const reached = tiles.find((tile) => tile.dataset.preset === name) ?? tiles[0];
    for (const tile of tiles) tile.tabIndex = tile === reached ? 0 : -1;
  }

  #key(event) {
    const tiles = [...this.place.querySelectorAll("[data-preset]")];
    const at = tiles.indexOf(event.target.closest("[data-preset]"));
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const isGrid = this.all.getAttribute("aria-expanded") === "true";
    const columns = isGrid ? tiles.filter((tile) => tile.offsetTop === tiles[0].offsetTop).length : 0;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -at, End: tiles.length - 1 - at }[event.key];
    if (!by && !["Home", "End"].includes(event.key)) return;
    event.preventDefault();
    tiles[Math.max(0, Math.min(tiles.length - 1, at + by))].focus();
  }

  #searchKey(event) {
    if (event.key === "ArrowDown") this.place.querySelector("[data-preset]")?.focus();
    else if (event.key === "Escape" && this.search.value) {
      this.search.value = "";
      this.draw();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #showAll(open) {
    this.all.setAttribute("aria-expanded", String(open));
    this.place.classList.toggle("all", open);
    localStorage.setItem(ALL_KEY, open ? "yes" : "no");
  }
}
