// The form as the person left it, on whichever device: the studio keeps it, this browser a copy for when the studio
// does not answer. Whoever writes last wins; what could not be sent yet counts as written when it is.

import { address, request } from "./api.js";

const KEY = "latent-studio.form";
const SEND_AFTER_MS = 700;
const AGAIN_MS = 5000;
const LEFT = "left"; // sent while the page went out of sight: whether it arrived, the studio's revision tells

export class FormMemory {
  #kept = read();
  #told = null; // what the studio said at the start
  #timer = 0;
  #sending = null;

  /** Asks the studio; what was not sent from here before stays, and is sent now. */
  async load() {
    try {
      this.#told = await request("GET", "me/form");
    } catch {
      return; // this browser's copy stays
    }
    const wasLeft = this.#kept.unsent === LEFT && this.#told.revision > this.#kept.revision;
    if (this.#kept.unsent && !wasLeft) this.#later(0);
    else if (this.#told.values) this.#keep(this.#told.values, this.#told.revision, false);
  }

  get values() {
    return this.#kept.values ?? {};
  }

  /** Takes what the form holds now. */
  take(values) {
    if (same(values, this.#kept.values)) return;
    this.#keep(values, this.#kept.revision, true);
    this.#later(SEND_AFTER_MS);
  }

  /** Sends at once what is not sent yet: the order was given, or the page goes. */
  flush(leaving = false) {
    if (!this.#kept.unsent) return;
    clearTimeout(this.#timer);
    if (!leaving) return void this.#send();
    this.#keep(this.#kept.values, this.#kept.revision, LEFT);
    void this.#sendLeaving(this.#kept.values);
  }

  /** Sent even if the page is gone before an answer comes; where it stays, the answer counts as always. */
  async #sendLeaving(values) {
    const [body, headers] = [JSON.stringify({ values }), { "Content-Type": "application/json" }];
    try {
      const answer = await fetch(address("me/form"), { method: "PUT", keepalive: true, headers, body });
      if (answer.ok && same(values, this.#kept.values)) this.#keep(values, (await answer.json()).revision, false);
    } catch {
      this.#later(AGAIN_MS);
    }
  }

  /** What another device wrote since; null when there is nothing new, or something of here that is newer. */
  async news() {
    if (this.#kept.unsent === true || this.#sending) return null;
    try {
      const told = await request("GET", "me/form");
      if (this.#kept.unsent === true || told.revision <= this.#kept.revision || !told.values) return null;
      const isNew = !same(told.values, this.#kept.values);
      this.#keep(told.values, told.revision, false);
      return isNew ? told.values : null;
    } catch {
      return null;
    }
  }

  #later(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(), ms);
  }

  async #send() {
    if (this.#sending) return this.#later(SEND_AFTER_MS);
    const { values } = this.#kept;
    try {
      this.#sending = request("PUT", "me/form", { values });
      const { revision } = await this.#sending;
      const isWhole = same(values, this.#kept.values);
      this.#keep(this.#kept.values, revision, !isWhole);
      if (!isWhole) this.#later(SEND_AFTER_MS);
    } catch (error) {
      if (error.status === undefined) this.#later(AGAIN_MS);
    } finally {
      this.#sending = null;
    }
  }

  #keep(values, revision, unsent) {
    this.#kept = { values, revision, unsent };
    localStorage.setItem(KEY, JSON.stringify(this.#kept));
  }
}

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY)) ?? {};
    return kept.values || !Object.keys(kept).length ? kept : { values: kept, revision: 0, unsent: true };
  } catch {
    return {};
  }
}

/** Fields that are empty and fields that are not there are the same. */
function same(one, other) {
  const told = (values) => JSON.stringify(Object.entries(values ?? {}).filter(([, value]) => value !== null && value !== "").sort());
  return told(one) === told(other);
}
