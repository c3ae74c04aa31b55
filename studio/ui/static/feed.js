// The jobs as they stand, kept fresh by server-sent events, and by asking every few seconds where those fail: where the
// connection breaks, and where it stands but nothing comes through, as behind a proxy that holds answers back. The
// studio sends a word every few seconds, so silence tells. A hidden tab lets its connection go, because a browser
// allows only six to one server over all tabs.

import { address, listJobs, status } from "./api.js";
import { isActive } from "./words.js";

const POLL_MS = 2000;
const HIDDEN_POLL_MS = 5000;
const STATUS_BUSY_MS = 1500;
const STATUS_IDLE_MS = 15000;
const RECONNECT_MS = 2000;
const MOST_RECONNECT_MS = 30000;
const SILENCE_MS = 12000;
const FIRST_WORD_MS = 4000;

export class Feed extends EventTarget {
  jobs = new Map();
  worker = "starting";
  reason = null;
  notices = [];
  reachable = true;
  loaded = false;
  #stream = null;
  #isHeard = false;
  #silence = 0;
  #failures = 0;
  #reconnectTimer = 0;
  #version = "";
  #pollTimer = 0;
  #statusTimer = 0;

  start() {
    document.addEventListener("visibilitychange", () => this.#adapt());
    window.addEventListener("online", () => this.#adapt());
    this.#adapt();
    this.#askStatus();
  }

  active() {
    return [...this.jobs.values()].filter(isActive).sort((a, b) => order(a) - order(b));
  }

  /** The job to show: one that runs, else the next, else the newest that ended. */
  focus() {
    const active = this.active();
    if (active.length) return active.find((job) => job.state === "running") ?? active[0];
    const ended = [...this.jobs.values()].sort((a, b) => order(b) - order(a));
    return ended[0] ?? null;
  }

  /** Takes jobs as some answer or event told them; what is already known to be older is left. The answer to an order can
   * come after the event that its picture is made. */
  merge(...told) {
    const jobs = told.filter((job) => job.revision >= (this.jobs.get(job.id)?.revision ?? 0));
    const changes = jobs.map((job) => ({ job, before: this.jobs.get(job.id) }));
    for (const job of jobs) this.jobs.set(job.id, job);
    for (const detail of changes) this.dispatchEvent(new CustomEvent("job", { detail }));
    this.#changed();
  }

  async refresh() {
    try {
      const { jobs } = await listJobs();
      this.loaded = true;
      this.#setReachable(true);
      this.merge(...jobs);
      return;
    } catch (error) {
      this.#setReachable(error.status !== undefined);
    }
    this.#changed();
  }

  #adapt() {
    clearTimeout(this.#pollTimer);
    clearTimeout(this.#reconnectTimer);
    if (document.hidden) {
      this.#disconnect();
      this.#poll();
    } else if (!this.#stream) {
      this.#connect();
    }
  }

  #connect() {
    this.#disconnect();
    const stream = (this.#stream = new EventSource(address("events")));
    this.#listen(FIRST_WORD_MS);
    stream.addEventListener("ping", () => this.#hear());
    stream.addEventListener("job", (event) => {
      this.#hear();
      this.merge(JSON.parse(event.data));
    });
    stream.addEventListener("error", () => this.#fail());
  }

  /** Something came through. What was missed before that is asked for once. */
  #hear() {
    this.#listen(SILENCE_MS);
    if (this.#isHeard) return;
    this.#isHeard = true;
    this.#failures = 0;
    clearTimeout(this.#pollTimer);
    this.refresh();
  }

  #listen(ms) {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#fail(), ms);
  }

  /** Asks instead of listening, and tries to listen again after a while: longer each time that it was of no use. */
  #fail() {
    this.#failures += this.#isHeard ? 0 : 1;
    this.#disconnect();
    this.#poll();
    const pause = Math.min(MOST_RECONNECT_MS, RECONNECT_MS * 2 ** Math.max(0, this.#failures - 2));
    this.#reconnectTimer = setTimeout(() => this.#adapt(), pause);
  }

  #disconnect() {
    clearTimeout(this.#silence);
    this.#isHeard = false;
    this.#stream?.close();
    this.#stream = null;
  }

  /** Goes on until something is heard. */
  async #poll() {
    clearTimeout(this.#pollTimer);
    await this.refresh();
    if (this.#isHeard) return;
    clearTimeout(this.#pollTimer);
    this.#pollTimer = setTimeout(() => this.#poll(), document.hidden ? HIDDEN_POLL_MS : POLL_MS);
  }

  async #askStatus() {
    clearTimeout(this.#statusTimer);
    if (!document.hidden) {
      try {
        const told = await status();
        this.worker = told.worker;
        this.reason = told.reason ?? null;
        this.notices = told.notices ?? [];
        if (this.#version && told.version !== this.#version) this.dispatchEvent(new Event("updated"));
        this.#version = told.version;
        this.#setReachable(true);
      } catch (error) {
        this.#setReachable(error.status !== undefined);
      }
      this.#changed();
    }
    const settled = this.worker === "ready" && this.reachable;
    this.#statusTimer = setTimeout(() => this.#askStatus(), settled ? STATUS_IDLE_MS : STATUS_BUSY_MS);
  }

  #setReachable(reachable) {
    if (reachable && !this.reachable) this.#askStatusSoon();
    this.reachable = reachable;
  }

  #askStatusSoon() {
    clearTimeout(this.#statusTimer);
    this.#statusTimer = setTimeout(() => this.#askStatus(), 100);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

const order = (job) => new Date(job.created_at).getTime();
