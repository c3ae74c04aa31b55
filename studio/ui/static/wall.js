// The wall: pictures that people of the household hung there on purpose. It is asked for anew each time it is opened.

import { address, request } from "./api.js";
import { fillWith, make, setText } from "./dom.js";
import { icon } from "./icons.js";
import { toast } from "./toasts.js";
import { dateTime, pictures as countOf } from "./words.js";

const PAGE = 60;
const LARGEST_SCALE = 4;
const fileOf = (id) => address(`wall/${id}/file`);
const thumbnailOf = (id) => address(`wall/${id}/thumbnail`);

export class Wall {
  #studio;
  #grid = document.querySelector("#wall-grid");
  #note = document.querySelector("#wall-note");
  #total = document.querySelector("#wall-total");
  #dialog = document.querySelector("#wall-picture");
  #shown = [];
  #asking = 0;
  #at = 0;

  constructor(studio) {
    this.#studio = studio;
    this.#dialog.addEventListener("keydown", (event) => this.#key(event));
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close());
  }

  async show() {
    const asking = (this.#asking += 1);
    if (!this.#shown.length) fillWith(this.#grid, Array.from({ length: 8 }, () => make("span", { class: "cell skeleton" })));
    try {
      const { pictures, total } = await request("GET", `wall?limit=${Math.max(PAGE, this.#shown.length)}`);
      if (asking === this.#asking) this.#draw(pictures, total);
    } catch (error) {
      if (asking !== this.#asking) return;
      fillWith(this.#grid);
      const again = make("button", { type: "button", class: "button", onclick: () => this.show() }, "Try again");
      fillWith(this.#note, make("p", { class: "reason", role: "alert" }, icon("alert"), make("span", {}, error.message), again));
    }
  }

  #draw(pictures, total) {
    this.#shown = pictures;
    fillWith(this.#grid, pictures.map((one, place) => this.#cell(one, place)));
    setText(this.#total, total ? countOf(total) : "");
    const more = pictures.length < total && make("button", { type: "button", class: "button", onclick: () => this.#more() }, "Show more");
    const empty = make("div", { class: "empty" }, make("h2", {}, "The wall is empty"), make("p", { class: "muted" }, "Open a picture of yours in full view and press “Share”: what hangs here, everybody sees who is logged in."));
    fillWith(this.#note, total ? more : empty);
  }

  async #more() {
    try {
      const { pictures, total } = await request("GET", `wall?limit=${PAGE}&offset=${this.#shown.length}`);
      const known = new Set(this.#shown.map((one) => one.id));
      this.#draw([...this.#shown, ...pictures.filter((one) => !known.has(one.id))], total);
    } catch (error) {
      toast(error.message, { kind: "error" });
    }
  }

  #cell(one, place) {
    const words = one.prompt ? `${one.prompt}, by ${one.by}` : `A picture by ${one.by}`;
    return make(
      "figure",
      { class: "wall-cell", "data-id": one.id },
      make("button", { type: "button", class: "cell cell-open", "aria-label": `Full view: ${words}`, title: words, onclick: () => this.#open(place) }, make("img", { src: thumbnailOf(one.id), alt: "", loading: "lazy" })),
      make("figcaption", {}, one.mine ? "you" : one.by),
    );
  }

  #open(place) {
    this.#at = place;
    this.#drawPicture();
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  #drawPicture() {
    const one = this.#shown[this.#at];
    const turn = (name, words, by) => make("button", { type: "button", class: `icon-button turn ${name}`, "aria-label": words, title: words, disabled: !this.#shown[this.#at + by], onclick: () => this.#turn(by) }, icon(name));
    const down = make("button", { type: "button", class: "button", onclick: () => this.#takeDown(one) }, "Take it down");
    const use = make("button", { type: "button", class: "button primary", onclick: () => this.#use(one) }, "Use this prompt");
    const close = make("button", { type: "button", class: "icon-button", "aria-label": "Close", title: "Close", autofocus: true, onclick: () => this.#dialog.close() }, icon("close"));
    const download = make("a", { class: "icon-button", href: fileOf(one.id), download: "picture.png", "aria-label": "Download", title: "Download" }, icon("download"));
    fillWith(
      this.#dialog,
      make("div", { class: "wall-head" }, make("span", {}, make("strong", {}, one.mine ? "You" : one.by), make("small", { class: "muted" }, dateTime(one.hung_at))), make("span", { class: "wall-tools" }, download, close)),
      make("div", { class: "wall-stage" }, turn("left", "Previous picture", -1), make("img", { src: fileOf(one.id), alt: one.prompt || `A picture by ${one.by}`, width: one.width_px, height: one.height_px, style: `width:min(100%, ${one.width_px * LARGEST_SCALE}px)` }), turn("right", "Next picture", 1)),
      make("div", { class: "wall-foot" }, make("p", { class: one.prompt ? "" : "muted" }, one.prompt ?? "How it was made is not shown."), one.prompt ? use : null, one.mine || this.#studio.me?.role === "admin" ? down : null),
    );
  }

  #turn(by) {
    if (!this.#shown[this.#at + by]) return;
    this.#at += by;
    this.#drawPicture();
  }

  #use(one) {
    this.#dialog.close();
    location.hash = "#/create";
    this.#studio.usePrompt(one.prompt);
  }

  async #takeDown(one) {
    try {
      await request("DELETE", `wall/${one.id}`);
      toast("It hangs on the wall no more");
    } catch (error) {
      toast(error.message, { kind: "error" });
    }
    this.#dialog.close();
    await this.show();
  }

  #key(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    this.#turn(by);
  }
}
