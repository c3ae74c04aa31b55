// The Queue page: one's own jobs in line and those that ended, how much others have, and for admins whose that is.
// The line is asked for while the page is in view: soon after a job has changed, and every few seconds besides.

import { cancelJob, request, retryJob } from "./api.js";
import { fillWith, make, setText } from "./dom.js";
import { Dragging } from "./queue-drag.js";
import { everybodysRow } from "./queue-everybody.js";
import { QueueRow } from "./queue-row.js";
import { quotaWords, quotaHint } from "./quota.js";
import { toast } from "./toasts.js";
import { pictures as countOf } from "./words.js";

const EVERY_MS = 2500;
const SOON_MS = 250;
const ELSEWHERE_MS = 3000;

export class Queue {
  #studio;
  #rows = new Map();
  #told = null;
  #everybody = [];
  #timer = 0;
  #isAsking = false;
  #askAgain = false;
  #drawn = "";

  constructor(studio) {
    this.#studio = studio;
    this.line = document.querySelector("#queue-line");
    this.ended = document.querySelector("#queue-ended");
    this.others = document.querySelector("#queue-others");
    this.quota = document.querySelector("#queue-quota");
    this.everybody = document.querySelector("#queue-everybody");
    this.hint = document.querySelector("#quota-hint");
    this.badge = document.querySelector("#queue-count");
    this.dragging = new Dragging(this.line, (id, place) => this.#move(id, place));
  }

  start() {
    const acts = { "#queue-pause": "pause", "#queue-resume": "resume", "#queue-clear": "clear" };
    for (const [button, verb] of Object.entries(acts)) {
      document.querySelector(button).addEventListener("click", () => this.#do(() => request("POST", `queue/${verb}`)));
    }
    this.#studio.feed.addEventListener("change", () => this.#count());
    this.#studio.feed.addEventListener("job", () => this.#askIn(this.isShown() ? SOON_MS : ELSEWHERE_MS));
    this.#askIn(0);
  }

  /** Called whenever the page comes into view. */
  show() {
    if (!this.#told) fillWith(this.line, Array.from({ length: 3 }, () => make("li", { class: "queue-row skeleton" })));
    this.#askIn(0);
  }

  // --- what rows ask for ---

  pause = (id) => this.#do(() => request("POST", `jobs/${id}/pause`));
  resume = (id) => this.#do(() => request("POST", `jobs/${id}/resume`));
  retry = (id) => this.#do(() => retryJob(id));
  cancel = (id) =>
    this.#do(async () => {
      await cancelJob(id);
      toast("Cancelled", { action: { label: "Start again", run: () => this.retry(id) } });
    });

  use(id) {
    location.hash = "#/create";
    this.#studio.form.fill({ from: "job", id });
  }

  open(images, index) {
    this.#studio.viewer.open(images, index);
  }

  /** Moves a job by a number of places; from the arrows of its row and the arrow keys on its handle. */
  step(id, by) {
    const place = this.#told.jobs.findIndex((job) => job.id === id) + by;
    if (place < 0 || place >= this.#told.jobs.length) return;
    void this.#move(id, place + 1).then(() => {
      this.#rows.get(id)?.handle.focus();
      setText(document.querySelector("#announcer"), `Moved to place ${place + 1} of ${this.#told.jobs.length}`);
    });
  }

  // --- asking ---

  isShown() {
    return this.#studio.route === "queue";
  }

  #askIn(milliseconds) {
    if (this.#isAsking) return void (this.#askAgain = true);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), milliseconds);
  }

  async #ask() {
    if (!this.isShown() && this.#told && !this.#told.quota) return; // nothing elsewhere shows it
    this.#isAsking = true;
    try {
      const told = await request("GET", "queue");
      const everybody = this.isShown() && this.#studio.looksAfterOthers ? (await request("GET", "queue/everybody")).jobs : [];
      if (!this.dragging.isActive) this.#show(told, everybody);
    } catch {
      // the pill in the header says that the studio does not answer
    }
    this.#isAsking = false;
    const again = this.#askAgain;
    this.#askAgain = false;
    if (again) this.#askIn(SOON_MS);
    else if (this.isShown() && !document.hidden) this.#askIn(EVERY_MS);
  }

  async #do(act) {
    try {
      await act();
    } catch (error) {
      toast(error.message, { kind: "error" });
    }
    await this.#ask();
  }

  /** Shows a job at its new place at once; the studio's answer may put it right. */
  #move(id, place) {
    const jobs = this.#told.jobs.filter((job) => job.id !== id);
    jobs.splice(place - 1, 0, this.#told.jobs.find((job) => job.id === id));
    this.#show({ ...this.#told, jobs }, this.#everybody);
    return this.#do(() => request("POST", `jobs/${id}/move`, { place }));
  }

  // --- showing ---

  #show(told, everybody) {
    this.#told = told;
    this.#everybody = everybody;
    this.#drawLine(told.jobs);
    this.#drawEnded(told.ended);
    setText(this.others, othersWords(told.others));
    fillWith(this.quota, quotaWords(told.quota));
    const hint = quotaHint(told.quota);
    this.hint.hidden = !hint;
    setText(this.hint, hint);
    const running = told.jobs.some((job) => !job.paused);
    document.querySelector("#queue-pause").hidden = !running;
    document.querySelector("#queue-resume").hidden = !told.jobs.some((job) => job.paused);
    document.querySelector("#queue-bar-words").hidden = !told.jobs.length;
    const waiting = told.jobs.reduce((sum, job) => sum + job.count - job.done - job.failed - job.cancelled, 0);
    setText(document.querySelector("#queue-bar-words"), `${countOf(waiting)} to make`);
    const theirs = everybody.filter((job) => job.person !== this.#studio.me?.name);
    const act = (id, verb) => this.#do(() => request("POST", `queue/everybody/${id}/${verb}`));
    fillWith(this.everybody, theirs.length ? [make("h2", {}, "Of others"), make("ul", { class: "queue-list" }, theirs.map((job) => everybodysRow(job, act)))] : []);
  }

  #drawLine(jobs) {
    if (!jobs.length) {
      this.#rows.clear();
      return void fillWith(this.line, make("li", { class: "queue-empty" }, make("strong", {}, "Nothing of yours waits"), make("a", { class: "button", href: "#/create" }, "Make pictures")));
    }
    const rows = jobs.map((job) => this.#row(job));
    jobs.forEach((job, index) => rows[index].update(job, index, jobs.length));
    const elements = rows.map((row) => row.element);
    if (elements.length !== this.line.children.length || elements.some((element, index) => this.line.children[index] !== element)) fillWith(this.line, elements);
    const there = new Set(jobs.map((job) => job.id));
    for (const id of this.#rows.keys()) if (!there.has(id)) this.#rows.delete(id);
  }

  #row(job) {
    if (!this.#rows.has(job.id)) this.#rows.set(job.id, new QueueRow(this, job));
    return this.#rows.get(job.id);
  }

  #drawEnded(jobs) {
    const drawn = JSON.stringify([this.isShown(), jobs.map((job) => [job.id, job.state, job.done])]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    document.querySelector("#queue-ended-head").hidden = !jobs.length;
    fillWith(
      this.ended,
      jobs.map((job) => {
        const row = new QueueRow(this, job);
        row.update(job, 0, 0);
        return row.element;
      }),
    );
  }

  #count() {
    const active = this.#studio.feed.active().length;
    this.badge.hidden = !active;
    setText(this.badge, String(active));
  }
}

function othersWords({ people, pictures }) {
  if (!pictures) return "Nobody else has anything waiting.";
  const who = people === 1 ? "One other person has" : `${people} other people have`;
  return `${who} ${countOf(pictures)} waiting. You take turns: everybody gets the same time of the machine.`;
}

