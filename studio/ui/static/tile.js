// One picture of a job on the stage: waiting, coming into being, made, or failed. The element is changed in place, so
// nothing flickers while previews come in.

import { previewOf } from "./api.js";
import { fillWith, make, setText } from "./dom.js";
import { icon } from "./icons.js";
import { likings } from "./likings.js";
import { fileOf, thumbnailOf } from "./pictures.js";
import { actionButtons } from "./picture-actions.js";

const BLUR_PX = 10;
const SHARP_UP_TO = 12;
const FEW_MS = 2000;
const PATIENCE_MS = [500, 2000, 5000];

export class Tile {
  #studio;
  #shownPreview = "";
  #fetching = "";
  #fetchedAt = 0;
  #finished = null;

  constructor(studio, job, picture) {
    this.#studio = studio;
    this.imageId = null;
    this.preview = make("img", { class: "preview", alt: "", hidden: true });
    this.words = make("span", { class: "tile-words" });
    this.bar = make("i", { class: "tile-bar" });
    this.frame = make("div", { class: "tile-frame" }, this.preview, this.words, this.bar);
    this.caption = make("figcaption", {});
    const { width_px: width, height_px: height } = job.recipe;
    this.element = make("figure", { class: "tile", style: `--ratio:${width}/${height}` }, this.frame, this.caption);
    if (picture.state !== "done") this.update(job, picture);
  }

  update(job, picture) {
    if (picture.state === "done" && picture.image_id) return this.#finish(job, picture);
    this.element.dataset.state = picture.state;
    const share = picture.step / Math.max(1, picture.steps);
    this.bar.style.width = `${share * 100}%`;
    this.preview.style.filter = `blur(${BLUR_PX * (1 - share)}px)`;
    if (picture.state === "running" && picture.preview_version) this.#showPreview(job, picture);
    if (picture.state === "failed") this.#fail(picture);
    else setText(this.words, picture.state === "queued" ? "Waiting" : "");
    this.#captionOnce(make("span", { class: "seed" }, `Seed ${picture.seed}`));
  }

  #showPreview(job, picture) {
    const source = previewOf(job, picture);
    const wanted = likings.get("previews");
    if (source === this.#shownPreview || wanted === "none") return;
    if (wanted === "few" && performance.now() - this.#fetchedAt < FEW_MS) return;
    this.#fetchedAt = performance.now();
    this.#shownPreview = source;
    if (!this.#fetching) this.#fetchPreview();
  }

  /** One at a time and always the latest: a slow network skips previews instead of piling them up. */
  #fetchPreview() {
    const source = (this.#fetching = this.#shownPreview);
    const next = new Image();
    next.onload = next.onerror = (event) => {
      this.#fetching = "";
      if (this.#finished) return;
      if (event.type === "load") {
        this.preview.src = source;
        this.preview.hidden = false;
      }
      if (source !== this.#shownPreview) this.#fetchPreview();
    };
    next.src = source;
  }

  #fail(picture) {
    this.preview.hidden = true;
    const reason = picture.error ?? "This picture could not be made.";
    if (this.words.textContent !== reason) fillWith(this.words, icon("alert"), make("span", {}, reason));
  }

  #finish(job, picture) {
    if (this.#finished === picture.image_id) return;
    this.#finished = this.imageId = picture.image_id;
    const id = picture.image_id;
    const image = make("img", { class: "final", alt: (picture.prompt ?? job.recipe.prompt) || "Picture without a prompt" });
    const open = make(
      "button",
      { type: "button", class: "tile-open", "aria-label": `Picture ${picture.index + 1}, seed ${picture.seed}: full view`, onclick: () => this.#studio.openFrom(this) },
      image,
    );
    const show = () => {
      fillWith(this.frame, open);
      this.element.dataset.state = "done";
    };
    const fetchPicture = () => (image.src = job.count > SHARP_UP_TO ? thumbnailOf(id) : fileOf(id));
    let tries = 0;
    image.onload = show;
    image.onerror = () => {
      if (tries < PATIENCE_MS.length) return setTimeout(fetchPicture, PATIENCE_MS[tries++]);
      fillWith(this.frame, make("span", { class: "tile-words" }, "The picture could not be fetched. If it was not deleted, it is in the gallery."));
    };
    fetchPicture();
    fillWith(this.caption, this.#seedButton(picture), actionButtons(this.#studio, id));
  }

  #seedButton(picture) {
    return make(
      "button",
      { type: "button", class: "seed", title: "Use this seed", onclick: () => this.#studio.useSeed(picture.seed) },
      `Seed ${picture.seed}`,
    );
  }

  #captionOnce(content) {
    if (!this.#finished && !this.caption.firstChild) fillWith(this.caption, content);
  }
}
