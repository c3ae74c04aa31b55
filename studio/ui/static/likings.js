// How the person likes the page. The studio keeps it, so every device of theirs follows; what this browser knew last
// is used until the studio has answered, so that no colour flashes.

import { request } from "./api.js";

const KEY = "latent-studio.likings";
const USUAL = { theme: "system", previews: "all", sound: false, notices: false, download_format: "png" };

class Likings extends EventTarget {
  #values = { ...USUAL, ...known() };

  get(name) {
    return this.#values[name];
  }

  async load() {
    try {
      this.#take(await request("GET", "me/settings"));
    } catch {
      // the studio is not there just now: what this browser knew stays
    }
  }

  /** Takes effect at once; rejects when the studio could not keep it. */
  async change(name, value) {
    this.#take({ ...this.#values, [name]: value });
    this.#take(await request("PATCH", "me/settings", { [name]: value }));
  }

  #take(values) {
    const before = JSON.stringify(this.#values);
    this.#values = { ...USUAL, ...values };
    localStorage.setItem(KEY, JSON.stringify(this.#values));
    if (JSON.stringify(this.#values) !== before) this.dispatchEvent(new Event("change"));
  }
}

function known() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

export const likings = new Likings();
