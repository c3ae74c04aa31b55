// One picture in full view with its recipe. Arrow keys turn the pages, Esc or the browser's way back closes it.

import { fillWith, make } from "./dom.js";
import { icon } from "./icons.js";
import { request } from "./api.js";
import { copyText } from "./clipboard.js";
import { comparison } from "./compare.js";
import { modelPictureButtons } from "./model-picture.js";
import { fileOf, thumbnailOf } from "./pictures.js";
import { downloadLink, favouriteButton, formatChoice } from "./picture-actions.js";
import { recipeRows } from "./recipe-rows.js";
import { placeToasts, toast } from "./toasts.js";
import { variationButtons } from "./variations.js";

const SWIPE_PX = 50;
const LARGEST_SCALE = 4;
const COMPARE = "Compare before and after";

export class Viewer {
  #studio;
  #ids = [];
  #at = 0;
  #more = null;
  #touchX = null;
  #opener = null;

  constructor(studio) {
    this.#studio = studio;
    this.dialog = document.querySelector("#viewer");
  }

  get isOpen() {
    return this.dialog.open;
  }

  start() {
    const back = this.#turnButton("left", "Previous picture", -1);
    const on = this.#turnButton("right", "Next picture", 1);
    this.picture = make("div", { class: "viewer-picture", tabindex: -1 });
    this.place = make("span", { class: "muted viewer-place" });
    this.side = make("div", { class: "viewer-details" });
    const close = make("button", { type: "button", class: "icon-button viewer-close", "aria-label": "Close", title: "Close", onclick: () => this.close() }, icon("close"));
    const stage = make("div", { class: "viewer-stage" }, back, this.picture, on);
    const aside = make("aside", { class: "viewer-side", "aria-label": "Recipe" }, make("div", { class: "viewer-head" }, this.place, close), this.side);
    fillWith(this.dialog, stage, aside);
    [this.back, this.on] = [back, on];
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
    this.dialog.addEventListener("close", () => this.#closed());
    stage.addEventListener("click", (event) => event.target === stage && this.close());
    stage.addEventListener("touchstart", (event) => (this.#touchX = event.touches.length === 1 ? event.touches[0].clientX : null), { passive: true });
    stage.addEventListener("touchend", (event) => this.#swiped(event));
    window.addEventListener("popstate", () => this.isOpen && this.dialog.close());
    this.#studio.pictures.addEventListener("change", ({ detail }) => this.#changed(detail.ids));
    this.#studio.gallery.selection.addEventListener("labelled", () => this.isOpen && this.#showLabels(this.#ids[this.#at]));
  }

  /** Opens a list of picture ids at one of them; more() may fetch further ids when the end comes near. */
  open(ids, at, more = null) {
    this.#ids = [...ids];
    this.#at = at;
    this.#more = more;
    this.#opener = document.activeElement;
    history.pushState({ viewer: true }, "");
    this.dialog.showModal();
    this.picture.focus();
    placeToasts();
    this.#show();
  }

  close() {
    if (history.state?.viewer) history.back();
    else this.dialog.close();
  }

  #closed() {
    placeToasts();
    if (history.state?.viewer) history.back();
    if (this.#opener?.isConnected) this.#opener.focus();
  }

  #turn(by) {
    const next = this.#at + by;
    if (next < 0 || next >= this.#ids.length) return;
    this.#at = next;
    this.#show();
  }

  async #show() {
    const id = this.#ids[this.#at];
    this.back.disabled = this.#at === 0;
    this.on.disabled = this.#at === this.#ids.length - 1;
    this.place.textContent = this.#ids.length > 1 ? `${this.#at + 1} of ${this.#ids.length}` : "";
    try {
      const image = await this.#studio.pictures.load(id);
      if (id !== this.#ids[this.#at]) return;
      this.#showPicture(image);
      this.#showDetails(image.recipe ? image : await this.#studio.pictures.load(id));
    } catch (error) {
      fillWith(this.picture, make("p", { class: "reason" }, icon("alert"), make("span", {}, error.message)));
      fillWith(this.side);
    }
    this.#prepare();
  }

  #showPicture(image) {
    const shown = make("img", {
      src: fileOf(image.id),
      alt: image.prompt || "Picture without a prompt",
      width: image.width_px,
      height: image.height_px,
      style: `max-width:min(100%, ${image.width_px * LARGEST_SCALE}px);--ratio:${image.width_px / image.height_px}`,
    });
    shown.dataset.id = image.id;
    shown.onerror = () => fillWith(this.picture, make("p", { class: "reason" }, icon("alert"), make("span", {}, "This picture’s file could not be fetched.")));
    fillWith(this.picture, shown);
  }

  #showDetails(image) {
    const actions = image.binned
      ? [make("button", { type: "button", class: "button primary", onclick: () => this.#studio.pictures.restore([image.id]) }, icon("undo"), "Put back")]
      : [
          make("button", { type: "button", class: "button primary", onclick: () => this.#leaveWith(() => this.#studio.useRecipe(image.id)) }, "Use this recipe"),
          image.seed !== null &&
            make("button", { type: "button", class: "button", onclick: () => this.#leaveWith(() => this.#studio.useSeed(image.seed)) }, "Use seed"),
          make("button", { type: "button", class: "button square", "aria-label": "Share", title: "Share", onclick: () => this.#studio.share.open(image) }, icon("share")),
        ];
    const sends = [
      tool("image", "To image to image", () => this.#leaveWith(() => this.#studio.sendTo(image.id, "image"))),
      tool("mask", "To inpaint", () => this.#leaveWith(() => this.#studio.sendTo(image.id, "inpaint"))),
      tool("finish", "Finish: adjust or enlarge", () => this.#leaveWith(() => this.#studio.finish(image.id))),
    ];
    const tools = [
      image.binned ? null : favouriteButton(this.#studio, image.id),
      ...(image.binned ? [] : sends),
      image.binned ? null : tool("tag", "Tag", () => this.#tag()),
      image.binned ? null : tool("album", "Put into an album", () => this.#album()),
      image.infotext ? tool("copy", "Copy the recipe as text", () => this.#copy(image)) : null,
      image.binned ? null : tool("trash", "Delete", () => this.#studio.pictures.bin([image.id])),
      downloadLink(image.id),
      formatChoice(),
    ];
    this.labels = make("div", { class: "viewer-labels", hidden: true });
    void this.#showLabels(image.id);
    const lineage = make("div");
    const vary = image.binned || !image.recipe ? null : variationButtons(this.#studio, image);
    const keepLook = () => this.#leaveWith(() => this.#studio.keepLook(image.id));
    const keep = vary && make("button", { type: "button", class: "button viewer-keep", "data-save-preset": "", onclick: keepLook }, icon("keep"), "Save as preset…");
    this.#showLineage(image, lineage);
    fillWith(
      this.side,
      make("div", { class: "viewer-actions" }, actions),
      make("div", { class: "viewer-tools" }, tools),
      this.labels,
      vary,
      keep,
      modelPictureButtons(this.#studio, image),
      lineage,
      make("dl", { class: "recipe" }, recipeRows(image).map(([name, value, kind]) => make("div", { class: kind ?? "" }, make("dt", {}, name), make("dd", {}, value)))),
    );
  }

  /** What it was made from and what was made of it; with a parent, before and after can be compared. */
  async #showLineage(image, place) {
    let lineage;
    try {
      lineage = await request("GET", `images/${image.id}/lineage`);
    } catch {
      return; // an extra: the picture and its recipe are there without it
    }
    const row = (words, images) =>
      images.length && make("div", { class: "viewer-lineage" }, make("span", {}, words), images.map((one) => make("button", { type: "button", "aria-label": one.prompt || "Picture without a prompt", onclick: () => this.#jump(one.id) }, make("img", { src: thumbnailOf(one.id), alt: "", loading: "lazy" }))));
    const [parent] = lineage.parents;
    const compare = parent && make("button", { type: "button", class: "button", "data-compare": true, "aria-pressed": "false", onclick: (event) => this.#compare(parent, image, event.currentTarget) }, COMPARE);
    place.replaceChildren(...[row("Made from", lineage.parents), compare, row("Made of it", lineage.children)].filter(Boolean));
  }

  #jump(id) {
    if (!this.#ids.includes(id)) this.#ids.splice(this.#at + 1, 0, id);
    this.#at = this.#ids.indexOf(id);
    this.#show();
  }

  /** Tags and albums, each a way to what else has it. */
  async #showLabels(id) {
    let found;
    try {
      found = await request("GET", `images/${id}/labels`);
    } catch {
      return; // an extra, like the lineage
    }
    if (id !== this.#ids[this.#at]) return;
    const chip = (field, name) => make("button", { type: "button", class: "chip", title: `Show the others of this ${field}`, onclick: () => this.#leaveWith(() => this.#studio.searchFor(`${field}:"${name}"`)) }, name);
    fillWith(this.labels, found.albums.map((name) => chip("album", name)), found.tags.map((name) => chip("tag", name)));
    this.labels.hidden = !this.labels.firstChild;
  }

  #tag() {
    return this.#studio.gallery.selection.tag([this.#ids[this.#at]]);
  }

  #album() {
    return this.#studio.gallery.selection.album([this.#ids[this.#at]]);
  }

  #compare(before, after, button) {
    const compares = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(compares));
    button.textContent = compares ? "Show the picture alone" : COMPARE;
    if (!compares) {
      this.#showPicture(after);
      return this.picture.focus(); // else the keys would go nowhere
    }
    const picture = (one) => make("img", { src: fileOf(one.id), alt: "" });
    fillWith(this.picture, comparison(picture(before), picture(after), after.width_px / after.height_px));
    this.picture.querySelector("input").focus();
  }

  /** Closes without turning the browser's history back to where it was opened. */
  leave() {
    if (this.isOpen) this.close();
  }

  #leaveWith(action) {
    this.dialog.addEventListener("close", () => setTimeout(action, 30), { once: true });
    this.close();
  }

  async #copy(image) {
    try {
      await copyText(image.infotext);
      toast("The recipe is on the clipboard");
    } catch {
      toast("The browser did not allow copying.", { kind: "error" });
    }
  }

  #changed(ids) {
    if (!this.isOpen) return;
    const present = this.#ids[this.#at];
    if (!ids.includes(present)) return;
    const image = this.#studio.pictures.known(present);
    const wasShown = this.side.querySelector(".viewer-tools");
    const leaves = Boolean(image.binned) !== this.#showsBin;
    if (wasShown && leaves) {
      this.#ids.splice(this.#at, 1);
      if (!this.#ids.length) return this.close();
      this.#at = Math.min(this.#at, this.#ids.length - 1);
      this.#show();
    }
  }

  get #showsBin() {
    return this.#studio.gallery.view === "bin" && this.#studio.route === "gallery";
  }

  async #prepare() {
    for (const near of [this.#at - 1, this.#at + 1]) {
      if (this.#ids[near]) new Image().src = fileOf(this.#ids[near]);
    }
    if (this.#more && this.#at >= this.#ids.length - 3) {
      const further = await this.#more();
      this.#ids.push(...further.filter((id) => !this.#ids.includes(id)));
      this.on.disabled = this.#at === this.#ids.length - 1;
      this.place.textContent = this.#ids.length > 1 ? `${this.#at + 1} of ${this.#ids.length}` : "";
    }
  }

  #key(event) {
    // the line between two pictures is moved by arrows; letters still mean what they mean
    const moves = event.key.length > 1 && event.target.matches("input");
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, textarea") || moves) return;
    const turn = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (turn) this.#turn(turn);
    else if (event.key === "Home") this.#turn(-this.#at);
    else if (event.key === "End") this.#turn(this.#ids.length - 1 - this.#at);
    else if (event.key === "Delete" && !this.#showsBin) this.#studio.pictures.bin([this.#ids[this.#at]]);
    else if (event.key === "f") this.dialog.querySelector("[data-favourite]")?.click();
    else if (event.key === "c") this.dialog.querySelector("[data-compare]")?.click();
    else if (event.key === "t" && !this.#showsBin) void this.#tag();
    else if (event.key === "a" && !this.#showsBin) void this.#album();
    else return;
    event.preventDefault();
  }

  #swiped(event) {
    if (this.#touchX === null || window.visualViewport?.scale > 1) return;
    const moved = event.changedTouches[0].clientX - this.#touchX;
    if (Math.abs(moved) > SWIPE_PX) this.#turn(moved < 0 ? 1 : -1);
  }

  #turnButton(name, words, by) {
    return make("button", { type: "button", class: `icon-button turn ${name}`, "aria-label": words, title: words, onclick: () => this.#turn(by) }, icon(name));
  }
}

function tool(name, words, run) {
  return make("button", { type: "button", class: "icon-button", "aria-label": words, title: words, onclick: run }, icon(name));
}
