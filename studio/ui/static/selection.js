// Which pictures of the gallery are selected, and the bar of what can be done with all of them.

import { address, request } from "./api.js";
import { compareSideBySide } from "./side-by-side.js";
import { fillWith, make } from "./dom.js";
import { icon } from "./icons.js";
import { askName } from "./naming.js";
import { toast } from "./toasts.js";
import { pictures as countOf } from "./words.js";

const MOST_COMPARED = 4;

export class Selection extends EventTarget {
  #studio;
  #ids = new Set();
  #everything;

  /** everything() gives the ids of all that was found. */
  constructor(studio, everything) {
    super();
    this.#studio = studio;
    this.#everything = everything;
    this.bar = document.querySelector("#gallery-selection");
  }

  get size() {
    return this.#ids.size;
  }

  get ids() {
    return [...this.#ids];
  }

  has(id) {
    return this.#ids.has(id);
  }

  toggle(id, on = !this.#ids.has(id)) {
    if (on) this.#ids.add(id);
    else this.#ids.delete(id);
    this.#changed();
  }

  add(ids) {
    for (const id of ids) this.#ids.add(id);
    this.#changed();
  }

  keepOnly(test) {
    this.#ids = new Set(this.ids.filter(test));
    this.#changed();
  }

  clear() {
    if (!this.#ids.size) return;
    this.#ids.clear();
    this.#changed();
  }

  async selectAll() {
    try {
      this.add(await this.#everything());
    } catch (error) {
      toast(error.message, { kind: "error" });
    }
  }

  #changed() {
    this.#draw();
    this.dispatchEvent(new Event("change"));
  }

  #draw() {
    this.bar.hidden = !this.#ids.size;
    if (!this.#ids.size) return;
    const inBin = this.#studio.gallery.view === "bin";
    const actions = inBin
      ? [tool("undo", "Put back", () => this.#leave((ids) => this.#studio.pictures.restore(ids)))]
      : [
          tool("heart", "Favourite", () => this.favourite()),
          tool("tag", "Tag", () => this.tag()),
          tool("album", "Put into an album", () => this.album()),
          this.#ids.size >= 2 && this.#ids.size <= MOST_COMPARED && tool("compare", "Compare side by side", () => this.compare()),
          tool("download", "Download as ZIP", () => this.#fetch("images/zip", "pictures.zip")),
          tool("sheet", "Contact sheet", () => this.#fetch("images/contact-sheet", "contact-sheet.jpg")),
          tool("trash", "Delete", () => this.bin()),
        ];
    fillWith(
      this.bar,
      make("span", { class: "selection-count", role: "status" }, `${countOf(this.#ids.size)} selected`),
      make("button", { type: "button", class: "link-button", onclick: () => this.selectAll() }, "Select all found"),
      actions,
      tool("close", "Select none", () => this.clear()),
    );
  }

  favourite() {
    const all = this.ids.every((id) => this.#studio.pictures.known(id)?.favourite);
    return this.#studio.pictures.favouriteAll(this.ids, !all);
  }

  bin() {
    this.#leave((ids) => this.#studio.pictures.bin(ids));
  }

  async compare() {
    if (this.size < 2 || this.size > MOST_COMPARED) return toast(`Select two to ${MOST_COMPARED} pictures to compare`);
    await compareSideBySide(this.#studio, this.ids);
  }

  /** Of what is selected, or of other pictures. */
  async tag(ids = this.ids) {
    const { tags } = await request("GET", "images/tags");
    const words = await askName("Tag", `${countOf(ids.length)}: tags with commas between them`, tags.map((tag) => tag.name), "Tag", (text) =>
      request("POST", "images/tags", { ids, add: text.split(",").map((word) => word.trim()).filter(Boolean) }),
    );
    if (!words) return;
    const undo = () => request("POST", "images/tags", { ids, remove: words.split(",").map((word) => word.trim()).filter(Boolean) }).then(() => this.#labelled());
    toast(`${countOf(ids.length)} tagged`, { action: { label: "Undo", run: undo } });
    this.#labelled();
  }

  async album(ids = this.ids) {
    const { albums } = await request("GET", "albums");
    const name = await askName("Put into an album", "Name of an album, or of a new one", albums.map((album) => album.name), "Put in", async (text) => {
      const known = albums.find((album) => album.name.toLowerCase() === text.trim().toLowerCase());
      const album = known ?? (await request("POST", "albums", { name: text }));
      await request("POST", `albums/${album.id}/images`, { add: ids });
    });
    if (!name) return;
    toast(`${countOf(ids.length)} put into “${name}”`);
    this.#labelled();
  }

  #labelled() {
    this.dispatchEvent(new Event("labelled"));
  }

  #leave(action) {
    const ids = this.ids;
    this.clear();
    action(ids);
  }

  async #fetch(path, name) {
    try {
      const answer = await fetch(address(path), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ids: this.ids }) });
      if (!answer.ok) throw new Error((await answer.json()).error?.message ?? `The studio answered with ${answer.status}.`);
      const place = URL.createObjectURL(await answer.blob());
      make("a", { href: place, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(place), 60_000);
    } catch (error) {
      toast(`Nothing was saved. ${error.message}`, { kind: "error" });
    }
  }
}

function tool(name, words, run) {
  return make("button", { type: "button", class: "icon-button", "aria-label": words, title: words, onclick: run }, icon(name));
}
