// The choices of album and tag above the gallery; they are part of the search.

import { request } from "./api.js";
import { fillWith, make } from "./dom.js";

export class LabelFilters {
  constructor(changed) {
    this.album = document.querySelector("#gallery-album");
    this.tag = document.querySelector("#gallery-tag");
    for (const choice of [this.album, this.tag]) choice.addEventListener("change", changed);
    this.#fill(this.album, [], "All albums");
    this.#fill(this.tag, [], "All tags");
  }

  /** What the choices add to the search. */
  get search() {
    return [this.album.value && `album:"${this.album.value}"`, this.tag.value && `tag:"${this.tag.value}"`].filter(Boolean).join(" ");
  }

  clear() {
    this.album.value = this.tag.value = "";
  }

  async ask() {
    try {
      const [{ albums }, { tags }] = await Promise.all([request("GET", "albums"), request("GET", "images/tags")]);
      this.#fill(this.album, albums, "All albums");
      this.#fill(this.tag, tags, "All tags");
    } catch {
      // an extra: the pictures are there without it
    }
  }

  #fill(choice, labels, all) {
    const chosen = choice.value;
    const options = labels.map(({ name, count }) => make("option", { value: name }, `${name} (${count})`));
    fillWith(choice, make("option", { value: "" }, all), options);
    choice.value = labels.some(({ name }) => name === chosen) ? chosen : "";
    choice.hidden = !labels.length;
  }
}
