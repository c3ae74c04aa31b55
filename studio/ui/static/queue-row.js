// A job on the Queue page: what it makes, how far it is, when it should begin and end, and what can be done with it.

import { fillWith, make, setText } from "./dom.js";
import { icon } from "./icons.js";
import { thumbnailOf } from "./pictures.js";
import { duration, outcomeOf, pictures as countOf } from "./words.js";

const MOST_THUMBNAILS = 8;

const button = (name, label, onclick) => make("button", { type: "button", class: "icon-button", "aria-label": label, title: label, onclick }, icon(name));

export class QueueRow {
  #queue;
  #thumbnails = "";

  constructor(queue, job) {
    this.#queue = queue;
    this.id = job.id;
    const keys = { ArrowUp: -1, ArrowDown: 1 };
    const onKey = (event) => {
      if (!keys[event.key]) return;
      event.preventDefault();
      queue.step(job.id, keys[event.key]);
    };
    this.handle = make("button", { type: "button", class: "queue-handle", "data-handle": true, "aria-label": "Move this job; arrow keys move it up and down", title: "Drag, or arrow keys", onkeydown: onKey }, icon("grip"));
    this.place = make("span", { class: "queue-place", "aria-hidden": true });
    this.status = make("p", { class: "queue-status" });
    this.bar = make("i");
    this.progress = make("div", { class: "progress", role: "progressbar", "aria-label": "Progress", "aria-valuemin": 0, "aria-valuemax": 100 }, this.bar);
    this.thumbs = make("div", { class: "queue-thumbs" });
    this.up = button("up", "Earlier", () => queue.step(job.id, -1));
    this.down = button("down", "Later", () => queue.step(job.id, 1));
    this.pause = button("pause", "Pause", () => queue.pause(job.id));
    this.resume = button("play", "Resume", () => queue.resume(job.id));
    this.retry = button("reuse", "Try again", () => queue.retry(job.id));
    this.cancel = button("close", "Cancel", () => queue.cancel(job.id));
    const use = button("recipe", "Use this recipe", () => queue.use(job.id));
    this.element = make(
      "li",
      { class: "queue-row", "data-job": job.id },
      make("div", { class: "queue-lead" }, this.handle, this.place),
      make("div", { class: "queue-what" }, make("p", { class: "queue-prompt", title: job.recipe.prompt }, job.recipe.prompt || "No prompt"), this.status, this.progress, make("p", { class: "queue-facts" }, factsOf(job)), this.thumbs),
      make("div", { class: "queue-acts" }, this.up, this.down, this.pause, this.resume, this.retry, use, this.cancel),
    );
  }

  /** Shows the job as it stands; `index` of `length` is its place among one's own. */
  update(job, index, length) {
    const ended = ["done", "failed", "cancelled"].includes(job.state);
    const row = this.element;
    row.dataset.state = job.paused ? "paused" : job.state;
    this.handle.hidden = this.up.hidden = this.down.hidden = ended || length < 2;
    this.up.disabled = index === 0;
    this.down.disabled = index === length - 1;
    this.place.parentElement.hidden = ended;
    setText(this.place, String(index + 1));
    this.pause.hidden = ended || job.paused;
    this.resume.hidden = ended || !job.paused;
    this.cancel.hidden = ended;
    this.retry.hidden = !ended || job.failed + job.cancelled === 0;
    setText(this.status, ended ? endedWords(job) : statusWords(job));
    this.progress.hidden = ended || (job.progress === 0 && job.state === "queued");
    this.progress.setAttribute("aria-valuenow", Math.round(job.progress * 100));
    this.bar.style.width = `${job.progress * 100}%`;
    if (this.#queue.isShown()) this.#showThumbnails(job.images);
  }

  #showThumbnails(images) {
    const drawn = images.join();
    if (drawn === this.#thumbnails) return;
    this.#thumbnails = drawn;
    const shown = images.slice(0, MOST_THUMBNAILS).map((id, index) =>
      make("button", { type: "button", class: "thumb", "aria-label": `Full view of picture ${index + 1}`, onclick: () => this.#queue.open(images, index) }, make("img", { src: thumbnailOf(id), alt: "", loading: "lazy", onerror: gone })),
    );
    const more = images.length - shown.length;
    fillWith(this.thumbs, shown, more > 0 && make("span", { class: "muted small" }, `and ${more} more`));
  }
}

// A picture that was deleted for good since.
const gone = (event) => event.target.closest("button").remove();

export function factsOf({ count, recipe }) {
  const parts = [countOf(count), `${recipe.width_px} × ${recipe.height_px}`, `${recipe.steps} steps`, recipe.checkpoint];
  return parts.filter(Boolean).join(" · ");
}

export function statusWords(job) {
  const made = job.done ? `${job.done} of ${job.count} made` : null;
  if (job.paused) return [job.running ? `Finishing ${countOf(job.running)}, then paused` : "Paused", made].filter(Boolean).join(" · ");
  const begins = job.state === "queued" ? (job.starts_in_s === null ? "Waiting" : job.starts_in_s < 2 ? "Begins now" : `Begins in about ${duration(job.starts_in_s)}`) : job.running ? `Making ${job.count === 1 ? "it" : job.running} now` : "Between two pictures";
  const ends = job.ends_in_s === null ? null : `done in about ${duration(Math.max(1, job.ends_in_s))}${clock(job.ends_in_s)}`;
  return [job.notice ?? begins, made, ends].filter(Boolean).join(" · ");
}

function endedWords(job) {
  const { headline, details } = outcomeOf(job);
  return [job.state === "done" ? "Done" : headline, details, job.state === "failed" ? job.error : null].filter(Boolean).join(" · ");
}

/** The time of day of something that is more than a few minutes ahead. */
function clock(seconds) {
  if (seconds < 300) return "";
  return ` (${new Date(Date.now() + 1000 * seconds).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })})`;
}
