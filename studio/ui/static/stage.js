// The stage: the job that is being made (or was made last), what waits behind it, and what was made before.

import { cancelJob, retryJob } from "./api.js";
import { fillWith, make, sentence, setText } from "./dom.js";
import { icon } from "./icons.js";
import { thumbnailOf } from "./pictures.js";
import { Tile } from "./tile.js";
import { toast } from "./toasts.js";
import { isActive, outcomeOf, pictures as countOf, progressOf } from "./words.js";

const EARLIER = 24;
const HEAD_PX = 190;
const CAPTION_PX = 48;
const GAP_PX = 16;
const LEAST_PX = 200;
const LEAST_WIDE_PX = 448;
const MOST_SCALE = 1.5;
const NARROW_PX = 520;
const NARROW_GAP_PX = 10;

export class Stage {
  #studio;
  #feed;
  #pictures;
  #job = null;
  #tiles = [];
  #parts = null;
  #earlier = [];
  #problem = "";
  #ended = new Set(); // jobs that had ended before this page heard of them

  constructor(studio) {
    this.#studio = studio;
    this.#feed = studio.feed;
    this.#pictures = studio.pictures;
    this.now = document.querySelector("#stage-now");
    this.waiting = document.querySelector("#stage-waiting");
    this.earlier = document.querySelector("#stage-earlier");
  }

  start() {
    this.#feed.addEventListener("change", () => this.render());
    this.#feed.addEventListener("job", ({ detail }) => this.#heard(detail));
    this.#pictures.addEventListener("learned", () => this.render());
    this.#pictures.addEventListener("change", () => {
      this.render();
      this.#askEarlier();
    });
    window.addEventListener("resize", () => this.#arrange());
    this.#askEarlier();
    this.#askModels();
    this.render();
  }

  /** Called whenever the page comes into view: before that, nobody can say how wide it is. */
  show() {
    this.#arrange();
  }

  /** Pictures on the stage in the order of their tiles, for the full view. */
  shownIds() {
    return this.#tiles.filter((tile) => tile.imageId && !this.#isGone(tile.imageId)).map((tile) => tile.imageId);
  }

  lastSeed() {
    const made = this.#tiles.length ? this.#job.pictures.filter((picture) => picture.state === "done") : [];
    return made.length ? made[made.length - 1].seed : (this.#earlier[0]?.seed ?? null);
  }

  async cancel(id = this.#feed.active().length ? this.#feed.focus().id : null) {
    if (!id) return;
    try {
      this.#feed.merge(await cancelJob(id));
      toast("Cancelled", { action: { label: "Start again", run: () => this.#again(id) } });
    } catch (error) {
      toast(`Not cancelled. ${error.message}`, { kind: "error" });
    }
  }

  render() {
    const job = this.#feed.focus();
    if (!job || this.#isEmptied(job)) this.#renderEmpty();
    else this.#renderJob(job);
    this.#renderWaiting(job);
    this.#renderEarlier();
  }

  // --- the job ---

  #renderJob(job) {
    if (!this.#parts || this.#job?.id !== job.id) this.#build(job);
    this.#job = job;
    const active = isActive(job);
    const words = active ? progressOf(job, this.#feed) : outcomeOf(job);
    const { headline, details, bar, again, reason } = this.#parts;
    setText(headline, words.headline);
    setText(details, this.#feed.reachable ? words.details : "the studio does not answer just now");
    bar.parentElement.classList.toggle("idle", !active);
    bar.style.width = `${job.progress * 100}%`;
    bar.parentElement.setAttribute("aria-valuenow", Math.round(job.progress * 100));
    bar.parentElement.classList.toggle("unsure", active && !job.pictures.some((picture) => picture.state === "running"));
    again.hidden = active || job.failed + job.cancelled === 0;
    setText(again, job.done ? "Make the rest" : "Try again");
    this.#showReason(job, reason);
    job.pictures.forEach((picture, index) => this.#renderTile(job, picture, this.#tiles[index]));
    const shown = this.#tiles.filter((tile) => !tile.element.hidden).length;
    this.#parts.tiles.hidden = shown === 0;
    this.#arrange(shown);
  }

  #renderTile(job, picture, tile) {
    const id = picture.image_id;
    if (id) this.#pictures.learn(id, this.#ended.has(job.id) ? job.created_at : null);
    const gone = this.#isGone(id);
    if (!gone && (picture.state !== "done" || this.#pictures.known(id))) tile.update(job, picture);
    tile.element.hidden = picture.state === "cancelled" || gone || this.#saidOnce(job, picture);
  }

  /** Makes the tiles as large as the window lets all of them be at once, or else of a size to scroll through. */
  #arrange(count = this.#tiles.filter((tile) => !tile.element.hidden).length) {
    if (!count || !this.#parts || !this.now.clientWidth) return;
    const { width_px: width, height_px: height } = this.#job.recipe;
    const narrow = this.now.clientWidth < NARROW_PX;
    const room = { width: this.now.clientWidth, height: narrow ? Infinity : Math.max(360, window.innerHeight - HEAD_PX) };
    const most = narrow ? Infinity : Math.max(LEAST_WIDE_PX, width * MOST_SCALE);
    const { columns, tile } = narrow && count > 1 ? twoColumns(room.width) : arrangement(count, width / height, room, most);
    this.#parts.tiles.style.setProperty("--columns", columns);
    this.#parts.tiles.style.setProperty("--tile", `${tile}px`);
  }

  #build(job) {
    this.now.dataset.job = job.id;
    const bar = make("i");
    const progress = make("div", { class: "progress", role: "progressbar", "aria-label": "Progress", "aria-valuemin": 0, "aria-valuemax": 100 }, bar);
    const headline = make("h2", { class: "headline" });
    const details = make("span", { class: "muted details" });
    const again = make("button", { type: "button", class: "button", onclick: () => this.#again(job.id), hidden: true });
    const cancel = make("button", { type: "button", class: "button stage-cancel", "data-act": "cancel" }, "Cancel", make("kbd", {}, "Esc"));
    const reason = make("p", { class: "reason", role: "alert", hidden: true });
    this.#tiles = job.pictures.map((picture) => new Tile(this.#studio, job, picture));
    const tiles = make("div", { class: "tiles" }, this.#tiles.map((tile) => tile.element));
    const prompt = make("p", { class: "stage-prompt muted", title: typedPrompt(job) }, typedPrompt(job) || "No prompt");
    this.#parts = { bar, headline, details, again, reason, tiles };
    fillWith(
      this.now,
      make("div", { class: "stage-head" }, make("div", { class: "stage-words" }, headline, details), again, cancel),
      progress,
      reason,
      tiles,
      prompt,
    );
  }

  #showReason(job, element) {
    const reasons = new Set(job.pictures.map((picture) => picture.state === "failed" && picture.error).filter(Boolean));
    const shared = job.failed === job.count && reasons.size <= 1 ? (job.error ?? [...reasons][0]) : null;
    element.hidden = job.state !== "failed" || !shared;
    if (shared && element.dataset.words !== shared) {
      element.dataset.words = shared;
      fillWith(element, icon("alert"), make("span", {}, shared));
    }
  }

  /** Whether a failed picture's tile would only repeat the reason above. */
  #saidOnce(job, picture) {
    return picture.state === "failed" && !this.#parts.reason.hidden;
  }

  #heard({ job, before }) {
    if (!before && !isActive(job)) this.#ended.add(job.id);
    const finishedNow = before && isActive(before) && !isActive(job);
    if (finishedNow) this.#askEarlier();
    this.#studio.announce(job, before);
  }

  async #again(id) {
    try {
      this.#feed.merge(await retryJob(id));
    } catch (error) {
      toast(error.message, { kind: "error" });
    }
  }

  #isGone(id) {
    return Boolean(id) && this.#pictures.isGone(id);
  }

  #isEmptied(job) {
    return job.state === "done" && job.pictures.every((picture) => this.#isGone(picture.image_id));
  }

  // --- nothing yet ---

  #renderEmpty() {
    if (this.#parts === null && this.now.firstChild && this.now.dataset.problem === this.#problem) return;
    delete this.now.dataset.job;
    this.#parts = this.#job = null;
    this.#tiles = [];
    this.now.dataset.problem = this.#problem;
    const examples = this.#studio.examples.map((words) =>
      make("button", { type: "button", class: "chip", onclick: () => this.#studio.usePrompt(words) }, words),
    );
    const help = [
      make("p", { class: "muted" }, "Describe a picture and press Generate, or begin with one of these:"),
      make("div", { class: "chips" }, examples),
      make("p", { class: "muted keys" }, make("kbd", {}, "Ctrl"), " ", make("kbd", {}, "Enter"), " generates, ", make("kbd", {}, "Esc"), " cancels"),
    ];
    const trouble = make("p", { class: "reason" }, icon("alert"), make("span", {}, sentence(this.#problem)));
    fillWith(
      this.now,
      make("div", { class: "empty" }, make("div", { class: "empty-mark", "aria-hidden": true }, Array.from({ length: 16 }, () => make("i"))), make("h2", {}, "Your picture appears here"), this.#problem ? trouble : help),
    );
  }

  async #askModels() {
    try {
      this.#problem = await this.#studio.checkpointProblem();
    } catch {
      this.#problem = "";
    }
    this.render();
  }

  // --- waiting and earlier ---

  #renderWaiting(focus) {
    const others = this.#feed.active().filter((job) => job.id !== focus?.id);
    const key = others.map((job) => `${job.id}:${job.state}:${job.progress}:${job.place}`).join();
    if (this.waiting.dataset.key === key) return;
    this.waiting.dataset.key = key;
    if (!others.length) return void this.waiting.replaceChildren();
    const rows = others.map((job) => {
      const { details } = progressOf(job, this.#feed);
      const cancel = make("button", { type: "button", class: "icon-button", "aria-label": "Cancel this job", title: "Cancel this job", onclick: () => this.cancel(job.id) }, icon("close"));
      const words = make("span", { class: "waiting-prompt" }, typedPrompt(job) || "No prompt");
      return make("li", {}, words, make("span", { class: "muted" }, `${countOf(job.count)} · ${details}`), cancel);
    });
    fillWith(this.waiting, make("h3", {}, "Queue"), make("ul", { class: "waiting" }, rows));
  }

  async #askEarlier() {
    try {
      const { images } = await this.#pictures.list({ limit: EARLIER + 8 });
      this.#earlier = images;
      this.#renderEarlier();
    } catch {
      // The stage stands without them; the gallery says what is wrong.
    }
  }

  #renderEarlier() {
    const onStage = new Set(this.#tiles.map((tile) => tile.imageId));
    const shown = this.#earlier.filter((image) => !onStage.has(image.id) && !this.#isGone(image.id)).slice(0, EARLIER);
    const key = shown.map((image) => image.id).join();
    if (this.earlier.dataset.key === key) return;
    this.earlier.dataset.key = key;
    if (!shown.length) return void this.earlier.replaceChildren();
    const ids = shown.map((image) => image.id);
    const cells = shown.map((image, index) =>
      make(
        "button",
        { type: "button", class: "thumb", "aria-label": `Full view: ${image.prompt || "no prompt"}`, title: image.prompt, onclick: () => this.#studio.viewer.open(ids, index) },
        make("img", { src: thumbnailOf(image.id), alt: "", loading: "lazy" }),
      ),
    );
    const all = make("a", { href: "#/gallery", class: "link-button" }, "See all");
    fillWith(this.earlier, make("div", { class: "earlier-head" }, make("h3", {}, "Earlier"), all), make("div", { class: "thumbs" }, cells));
  }
}

/** What was asked for: of a template, what was typed. */
const typedPrompt = ({ recipe }) => recipe.templates?.prompt || recipe.prompt;

const twoColumns = (width) => ({ columns: 2, tile: Math.floor((width - NARROW_GAP_PX) / 2) });

/** The number of columns that shows count pictures largest, and the width of one in pixels. */
export function arrangement(count, ratio, room, mostPx) {
  const least = Math.min(LEAST_PX, (room.width - GAP_PX) / 2);
  let best = { columns: 1, tile: 0 };
  for (let columns = count; columns >= 1; columns -= 1) {
    if (columns > 1 && Math.ceil(count / (columns - 1)) === Math.ceil(count / columns)) continue; // a fuller last row
    const across = (room.width - GAP_PX * (columns - 1)) / columns;
    const down = (room.height / Math.ceil(count / columns) - CAPTION_PX) * ratio;
    const tile = Math.floor(Math.min(across, down, mostPx));
    if (tile > best.tile * 1.1) best = { columns, tile };
  }
  if (best.tile >= least) return best;
  const columns = Math.max(1, Math.floor((room.width + GAP_PX) / (least + GAP_PX)));
  return { columns, tile: Math.floor(Math.min(mostPx, (room.width - GAP_PX * (columns - 1)) / columns)) };
}
