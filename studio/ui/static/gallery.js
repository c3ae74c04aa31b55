// The gallery: everything that was made, newest first, with search, favourites and the bin.

import { fillWith, make, setText } from "./dom.js";
import { icon } from "./icons.js";
import { thumbnailOf } from "./pictures.js";
import { favouriteButton } from "./picture-actions.js";
import { ask } from "./question.js";
import { startSearchHelp } from "./search-help.js";
import { toast } from "./toasts.js";
import { pictures as countOf } from "./words.js";

const PAGE = 60;
const PAUSE_MS = 250;

export class Gallery {
  view = "all";
  #studio;
  #query = "";
  #images = [];
  #next = null;
  #total = 0;
  #asking = 0;
  #loading = false;
  #stale = true;
  #typingTimer = 0;

  constructor(studio) {
    this.#studio = studio;
    this.grid = document.querySelector("#gallery-grid");
    this.end = document.querySelector("#gallery-end");
    this.note = document.querySelector("#gallery-note");
    this.total = document.querySelector("#gallery-total");
    this.search = document.querySelector("#gallery-search");
    this.sort = document.querySelector("#gallery-sort");
  }

  start() {
    this.search.addEventListener("input", () => {
      clearTimeout(this.#typingTimer);
      this.#typingTimer = setTimeout(() => this.#searchFor(this.search.value), PAUSE_MS);
    });
    this.sort.addEventListener("change", () => this.#reload(true));
    startSearchHelp(this.search, document.querySelector("#gallery-help"), (words) => this.#searchFor(words));
    this.#studio.pictures.addEventListener("change", ({ detail }) => this.#changed(detail));
    this.#studio.feed.addEventListener("job", ({ detail: { job, before } }) => {
      if (job.done === (before?.done ?? job.done)) return;
      this.#stale = true;
      if (this.#isShown() && window.scrollY < 200) this.show(this.view);
    });
    const sentinel = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && this.more(), { rootMargin: "600px" });
    sentinel.observe(this.end);
  }

  /** Called whenever the gallery comes into view. */
  show(view) {
    const changed = view !== this.view;
    this.view = view;
    for (const link of document.querySelectorAll("[data-view]")) {
      if (link.dataset.view === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (changed || this.#stale) this.#reload(changed);
  }

  /** Fetches the next page and gives all ids there are then. */
  async more() {
    if (this.#next && !this.#loading) await this.#ask(this.#next);
    return this.#images.map((image) => image.id);
  }

  #isShown() {
    return this.#studio.route === "gallery";
  }

  #searchFor(query) {
    if (query.trim() === this.#query) return;
    this.#query = query.trim();
    this.#reload(true);
  }

  #reload(clear) {
    this.#stale = false;
    if (clear || !this.#images.length) {
      this.#images = [];
      fillWith(this.grid, Array.from({ length: 12 }, () => make("span", { class: "cell skeleton" })));
      fillWith(this.end);
      fillWith(this.note);
    }
    return this.#ask(null);
  }

  async #ask(before) {
    const asking = (this.#asking += 1);
    this.#loading = true;
    try {
      const wanted = { search: this.#query, sort: this.sort.value, favourites: this.view === "favourites", binned: this.view === "bin", before, limit: PAGE };
      const page = await this.#studio.pictures.list(wanted);
      if (asking !== this.#asking) return;
      this.#images = before ? [...this.#images, ...page.images] : page.images;
      this.#next = page.next;
      this.#total = page.total;
      this.#render();
    } catch (error) {
      if (asking === this.#asking) this.#renderError(error, before);
    } finally {
      if (asking === this.#asking) this.#loading = false;
    }
  }

  #changed({ ids, emptied }) {
    if (emptied) return void this.#reload(true);
    const belongs = (image) => {
      const { binned, favourite } = this.#studio.pictures.known(image.id) ?? image;
      if (this.view === "bin") return Boolean(binned);
      return !binned && (this.view !== "favourites" || favourite);
    };
    const kept = this.#images.filter(belongs);
    const gone = this.#images.length - kept.length;
    if (gone) {
      this.#images = kept;
      this.#total = Math.max(0, this.#total - gone);
      this.#render();
    } else if (ids.some((id) => !this.#images.some((image) => image.id === id))) {
      if (this.#isShown()) this.#reload(false);
      else this.#stale = true;
    }
  }

  // --- drawing ---

  #render() {
    const cells = new Map([...this.grid.children].map((cell) => [cell.dataset.id, cell]));
    fillWith(this.grid, this.#images.map((image) => cells.get(image.id) ?? this.#cell(image)));
    setText(this.total, this.#images.length ? countOf(this.#total) : "");
    const more = make("button", { type: "button", class: "button", onclick: () => this.more() }, "Show more");
    fillWith(this.end, this.#next ? more : null);
    this.#renderNote();
  }

  #cell(image) {
    const open = make(
      "button",
      { type: "button", class: "cell-open", "aria-label": `Full view: ${image.prompt || "no prompt"}`, title: image.prompt, onclick: () => this.#open(image.id) },
      make("img", { src: thumbnailOf(image.id), alt: "", loading: "lazy" }),
    );
    const restore = () => this.#studio.pictures.restore([image.id]);
    const corner =
      this.view === "bin"
        ? make("button", { type: "button", class: "icon-button cell-corner", "aria-label": "Put back", title: "Put back", onclick: restore }, icon("undo"))
        : favouriteButton(this.#studio, image.id);
    corner.classList.add("cell-corner");
    return make("span", { class: "cell", "data-id": image.id }, open, corner);
  }

  #open(id) {
    const ids = this.#images.map((image) => image.id);
    this.#studio.viewer.open(ids, ids.indexOf(id), () => this.more());
  }

  #renderNote() {
    if (this.view === "bin" && this.#images.length) {
      const empty = make("button", { type: "button", class: "button danger", onclick: () => this.#emptyBin() }, "Empty the bin");
      return fillWith(this.note, make("div", { class: "bin-note" }, make("span", { class: "muted" }, "Pictures stay here until you empty the bin."), empty));
    }
    if (this.#images.length) return fillWith(this.note);
    const [title, words, action] = this.#emptyWords();
    return fillWith(this.note, make("div", { class: "empty" }, make("h2", {}, title), make("p", { class: "muted" }, words), action));
  }

  #emptyWords() {
    if (this.#query) {
      const clear = () => {
        this.search.value = "";
        this.#searchFor("");
        this.search.focus();
      };
      return [`Nothing found for “${this.#query}”`, "The search looks for words in prompts; the question mark beside it shows what else it knows.", make("button", { type: "button", class: "button", onclick: clear }, "Show everything")];
    }
    if (this.view === "favourites") return ["No favourites yet", "Mark a picture with the heart and it is found here.", null];
    if (this.view === "bin") return ["The bin is empty", "Deleted pictures wait here until you empty it.", null];
    return ["No pictures yet", "Everything you make is kept here.", make("a", { href: "#/create", class: "button primary" }, "Make the first one")];
  }

  #renderError(error, before) {
    if (!before && !this.#images.length) fillWith(this.grid);
    this.#stale = true;
    const again = make("button", { type: "button", class: "button", onclick: () => this.#ask(before) }, "Try again");
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
