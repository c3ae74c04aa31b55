// The gallery: everything that was made, with search, order, albums, tags, favourites and the bin. What was found is
// known by its place: a page of it is fetched when its place comes into view.

import { request } from "./api.js";
import { fillWith, make, setText } from "./dom.js";
import { GalleryKeys } from "./gallery-keys.js";
import { icon } from "./icons.js";
import { LabelFilters } from "./label-filters.js";
import { thumbnailOf } from "./pictures.js";
import { favouriteButton } from "./picture-actions.js";
import { ask } from "./question.js";
import { Selection } from "./selection.js";
import { startSearchHelp } from "./search-help.js";
import { SearchSuggestions } from "./search-suggest.js";
import { toast } from "./toasts.js";
import { VirtualGrid } from "./virtual-grid.js";
import { pictures as countOf } from "./words.js";

const PAGE = 60;
const WAITING = 12;
const PAUSE_MS = 250;
const UNFINISHED = /(^|\s)-?(sampler|model|tag|album|negative|steps|seed|size|width|height|date|fav)(:|=|>=?|<=?)"?$/i; // its value is still to come

export class Gallery {
  view = "all";
  #studio;
  #query = "";
  #images = []; // by place, with holes where nothing was looked at yet
  #cells = new Map();
  #holes = new Map();
  #fetching = new Map();
  #fresh = new Set(); // pages that stand as the studio told them last
  #total = 0;
  #asking = 0;
  #stale = true;
  #typingTimer = 0;

  constructor(studio) {
    this.#studio = studio;
    this.grid = document.querySelector("#gallery-grid");
    this.note = document.querySelector("#gallery-note");
    this.totalWords = document.querySelector("#gallery-total");
    this.search = document.querySelector("#gallery-search");
    this.sort = document.querySelector("#gallery-sort");
    this.virtual = new VirtualGrid(this.grid, (place) => this.#cellAt(place), (first, end) => this.#need(first, end));
    this.selection = new Selection(studio, () => this.#everything());
    this.labels = new LabelFilters(() => this.#reload(true));
  }

  start() {
    this.search.addEventListener("input", () => {
      clearTimeout(this.#typingTimer);
      this.#typingTimer = setTimeout(() => UNFINISHED.test(this.search.value) || this.#searchFor(this.search.value), PAUSE_MS);
    });
    this.sort.addEventListener("change", () => this.#reload(true));
    startSearchHelp(this.search, document.querySelector("#gallery-help"), (words) => this.#searchFor(words));
    new SearchSuggestions(this.search, (words) => this.#searchFor(words));
    this.search.addEventListener("keydown", (event) => {
      if (event.defaultPrevented || event.key !== "ArrowDown") return;
      event.preventDefault();
      this.grid.querySelector(".cell-open")?.focus();
    });
    this.#studio.pictures.addEventListener("change", ({ detail }) => this.#changed(detail));
    this.#studio.feed.addEventListener("job", ({ detail: { job, before } }) => {
      if (job.done === (before?.done ?? job.done)) return;
      this.#stale = true;
      if (this.#isShown() && window.scrollY < 200) this.show(this.view);
    });
    this.selection.addEventListener("change", () => this.#showSelected());
    this.selection.addEventListener("labelled", () => {
      void this.labels.ask();
      if (this.labels.search) this.#reload(false);
    });
    new GalleryKeys(this);
  }

  /** Called whenever the gallery comes into view. */
  show(view) {
    const changed = view !== this.view;
    this.view = view;
    for (const link of document.querySelectorAll("[data-view]")) {
      if (link.dataset.view === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (changed) this.selection.clear();
    void this.labels.ask();
    if (changed || this.#stale) this.#reload(changed);
    else this.virtual.draw();
  }

  /** Puts words into the search, in place of all that was looked for. */
  lookFor(words) {
    this.search.value = words;
    this.labels.clear();
    this.#searchFor(words);
  }

  /** Pictures have come in by another way than a job. */
  arrived() {
    this.#stale = true;
    if (!this.#isShown()) return;
    void this.labels.ask();
    this.#reload(false);
  }

  // --- by place, for the keys ---

  get total() {
    return this.#total;
  }

  idAt(place) {
    return this.#images[place]?.id ?? null;
  }

  placeOf(id) {
    return this.#images.findIndex((image) => image?.id === id);
  }

  openAt(place) {
    if (this.#images[place]) this.#open(this.#images[place].id);
  }

  get isShown() {
    return this.#isShown();
  }

  #isShown() {
    return this.#studio.route === "gallery";
  }

  #searchFor(query) {
    if (query.trim() === this.#query) return;
    this.#query = query.trim();
    this.selection.clear();
    this.#reload(true);
  }

  #wanted() {
    const search = [this.#query, this.labels.search].filter(Boolean).join(" ");
    return { search, favourites: this.view === "favourites", binned: this.view === "bin" };
  }

  async #everything() {
    const { search, favourites, binned } = this.#wanted();
    return (await request("GET", `images/ids?${new URLSearchParams({ search, favourites, binned })}`)).ids;
  }

  async #reload(clear) {
    this.#stale = false;
    const asking = (this.#asking += 1);
    this.#fetching.clear();
    this.#fresh.clear();
    if (clear || !this.#total) {
      this.#images = [];
      this.#total = 0;
      this.virtual.show(WAITING);
      fillWith(this.note);
    }
    try {
      const page = await this.#studio.pictures.list({ ...this.#wanted(), sort: this.sort.value, limit: PAGE });
      if (asking !== this.#asking) return;
      page.images.forEach((image, place) => (this.#images[place] = image));
      this.#total = page.total;
      this.#fresh.add(0);
      this.#render();
    } catch (error) {
      if (asking === this.#asking) this.#renderError(error);
    }
  }

  /** Fetches the pages of places that were not asked for since the last change; what is known stays shown meanwhile. */
  #need(first, end) {
    if (!this.#fresh.size) return; // the first page is on its way, and says how many there are
    for (let page = Math.floor(first / PAGE); page * PAGE < Math.min(end, this.#total); page += 1) {
      if (!this.#fresh.has(page)) void this.#fetch(page);
    }
  }

  async #fetch(page) {
    const asking = this.#asking;
    if (this.#fetching.has(page)) return this.#fetching.get(page);
    const answer = this.#studio.pictures.list({ ...this.#wanted(), sort: this.sort.value, offset: page * PAGE, limit: PAGE });
    this.#fetching.set(page, answer);
    try {
      const { images } = await answer;
      if (asking !== this.#asking) return;
      images.forEach((image, at) => (this.#images[page * PAGE + at] = image));
      this.#fresh.add(page);
      this.#render();
    } catch (error) {
      if (asking === this.#asking) this.#renderError(error);
    } finally {
      if (asking === this.#asking) this.#fetching.delete(page);
    }
  }

  #changed({ ids, emptied, settled }) {
    if (emptied) return void this.#reload(true);
    const belongs = (image) => {
      const { binned, favourite } = this.#studio.pictures.known(image.id) ?? image;
      if (this.view === "bin") return Boolean(binned);
      return !binned && (this.view !== "favourites" || favourite);
    };
    const known = new Set(this.#images.map((image) => image?.id));
    const before = this.#total;
    this.#images = without(this.#images, this.#total, (image) => !belongs(image));
    this.#total = this.#images.length;
    if (this.#total < before) {
      this.selection.keepOnly((id) => !ids.includes(id) || belongs({ id }));
      this.#asking += 1; // pages on their way hold places of before
      this.#fetching.clear();
      this.#render();
    }
    if (!settled && ids.every((id) => known.has(id))) return;
    if (this.#isShown()) this.#reload(false);
    else this.#stale = true;
  }

  // --- drawing ---

  #render() {
    const known = new Set(this.#images.map((image) => image?.id));
    for (const id of this.#cells.keys()) if (!known.has(id)) this.#cells.delete(id);
    this.#images.length = this.#total;
    this.virtual.show(this.#total);
    setText(this.totalWords, this.#total ? countOf(this.#total) : "");
    this.#renderNote();
  }

  #cellAt(place) {
    const image = this.#images[place];
    if (!image) {
      if (!this.#holes.has(place)) this.#holes.set(place, make("span", { class: "cell skeleton" }));
      return this.#holes.get(place);
    }
    this.#holes.delete(place);
    const key = `${image.id}`;
    if (!this.#cells.has(key)) this.#cells.set(key, this.#cell(image));
    const cell = this.#cells.get(key);
    if (cell.dataset.shownIn !== this.view) {
      this.#cells.set(key, this.#cell(image));
      return this.#cells.get(key);
    }
    return cell;
  }

  #cell(image) {
    const open = make(
      "button",
      { type: "button", class: "cell-open", "aria-label": `Full view: ${image.prompt || "no prompt"}`, title: image.prompt, onclick: (event) => this.#clicked(event, image.id) },
      make("img", { src: thumbnailOf(image.id), alt: "", loading: "lazy" }),
    );
    const restore = () => this.#studio.pictures.restore([image.id]);
    const corner =
      this.view === "bin"
        ? make("button", { type: "button", class: "icon-button cell-corner", "aria-label": "Put back", title: "Put back", onclick: restore }, icon("undo"))
        : favouriteButton(this.#studio, image.id);
    corner.classList.add("cell-corner");
    const select = make("button", { type: "button", class: "icon-button cell-select", "aria-label": "Select", title: "Select", "aria-pressed": String(this.selection.has(image.id)), onclick: () => this.selection.toggle(image.id) }, icon("check"));
    return make("span", { class: "cell", "data-id": image.id, "data-shown-in": this.view }, open, corner, select);
  }

  #showSelected() {
    for (const [id, cell] of this.#cells) cell.querySelector(".cell-select").setAttribute("aria-pressed", String(this.selection.has(id)));
    this.grid.classList.toggle("selecting", this.selection.size > 0);
  }

  /** While pictures are being selected, a click selects; else it opens. Shift takes in everything between. */
  #clicked(event, id) {
    if (event.shiftKey && this.lastSelected) return this.selectTo(id);
    if (event.ctrlKey || event.metaKey || this.selection.size) {
      this.lastSelected = id;
      return this.selection.toggle(id);
    }
    this.#open(id);
  }

  selectTo(id) {
    const [from, to] = [this.placeOf(this.lastSelected), this.placeOf(id)].sort((a, b) => a - b);
    if (from < 0) return this.selection.toggle(id, true);
    this.selection.add(this.#images.slice(from, to + 1).filter(Boolean).map((image) => image.id));
  }

  /** Full view goes through what is known around the picture, and fetches on. */
  #open(id) {
    let first = this.placeOf(id);
    while (first > 0 && this.#images[first - 1]) first -= 1;
    const run = () => {
      const ids = [];
      for (let place = first; this.#images[place]; place += 1) ids.push(this.#images[place].id);
      return ids;
    };
    const more = async () => {
      const next = first + run().length;
      if (next < this.#total) await this.#fetch(Math.floor(next / PAGE));
      return run();
    };
    this.#studio.viewer.open(run(), run().indexOf(id), more);
  }

  #renderNote() {
    if (this.view === "bin" && this.#total) {
      const empty = make("button", { type: "button", class: "button danger", onclick: () => this.#emptyBin() }, "Empty the bin");
      return fillWith(this.note, make("div", { class: "bin-note" }, make("span", { class: "muted" }, "Pictures stay here until you empty the bin."), empty));
    }
    if (this.#total) return fillWith(this.note);
    const [title, words, action] = this.#emptyWords();
    return fillWith(this.note, make("div", { class: "empty" }, make("h2", {}, title), make("p", { class: "muted" }, words), action));
  }

  #emptyWords() {
    if (this.#query || this.labels.search) {
      const clear = () => {
        this.search.value = "";
        this.labels.clear();
        this.#query = "";
        this.#reload(true);
        this.search.focus();
      };
      return [`Nothing found for “${[this.#query, this.labels.search].filter(Boolean).join(" ")}”`, "The search looks for words in prompts; the question mark beside it shows what else it knows.", make("button", { type: "button", class: "button", onclick: clear }, "Show everything")];
    }
    if (this.view === "favourites") return ["No favourites yet", "Mark a picture with the heart and it is found here.", null];
    if (this.view === "bin") return ["The bin is empty", "Deleted pictures wait here until you empty it.", null];
    return ["No pictures yet", "Everything you make is kept here.", make("div", { class: "question-buttons" }, make("a", { href: "#/create", class: "button primary" }, "Make the first one"), make("button", { type: "button", class: "button", onclick: () => this.#studio.importer.open() }, "Import from another program"))];
  }

  #renderError(error) {
    if (!this.#images.some(Boolean)) this.virtual.show((this.#total = 0));
    this.#stale = true;
    const again = make("button", { type: "button", class: "button", onclick: () => this.#reload(true) }, "Try again");
    fillWith(this.note, make("p", { class: "reason", role: "alert" }, icon("alert"), make("span", {}, error.message), again));
  }

  async #emptyBin() {
    const sure = await ask("Delete these pictures for good?", `${countOf(this.#total)} will be deleted from the disk. This cannot be undone.`, "Delete for good");
    if (!sure) return;
    try {
      await this.#studio.pictures.emptyBin();
    } catch (error) {
      toast(`The bin was not emptied. ${error.message}`, { kind: "error" });
    }
  }
}

/** The places without those that go; holes stay holes. */
function without(images, total, goes) {
  const kept = [];
  for (let place = 0; place < total; place += 1) {
    const image = images[place];
    if (image && goes(image)) continue;
    kept.length += 1;
    if (image) kept[kept.length - 1] = image;
  }
  return kept;
}
