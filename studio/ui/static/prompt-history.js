// Prompts of before: Alt+Up and Alt+Down walk through them in the field, a dialog searches all of them. They are those of
// this person's pictures, so they are the same on every device; what was typed last and not made yet is kept on the way.

import { request } from "./api.js";
import { fillWith, make } from "./dom.js";
import { icon } from "./icons.js";
import { placeToasts } from "./toasts.js";
import { replaceAll } from "./typing.js";
import { dateTime } from "./words.js";

const PAUSE_MS = 200;

export class PromptHistory {
  #studio;
  #prompts = null;
  #at = -1;
  #draft = "";
  #shown = "";
  #timer = 0;
  #turn = 0;

  constructor(studio) {
    this.#studio = studio;
    this.dialog = document.querySelector("#prompt-history");
  }

  start() {
    document.addEventListener("keydown", (event) => this.#key(event));
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.dialog.addEventListener("close", () => placeToasts());
    this.#studio.feed.addEventListener("change", () => {
      this.#prompts = null; // something was ordered or made
    });
  }

  #key(event) {
    if (!event.altKey || event.ctrlKey || event.metaKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
    const area = event.target;
    if (!area.closest?.("#field-prompt")) return;
    event.preventDefault();
    void this.#walk(area, event.key === "ArrowUp" ? 1 : -1);
  }

  async #walk(area, by) {
    if (this.#at >= 0 && area.value !== this.#shown) this.#at = -1; // somebody typed on: from here it begins anew
    if (this.#at < 0) {
      if (by < 0) return;
      this.#draft = area.value;
      this.#prompts ??= (await ask("")) ?? null;
    }
    const others = (this.#prompts ?? []).filter(({ prompt }) => prompt !== this.#draft);
    this.#at = Math.max(-1, Math.min(others.length - 1, this.#at + by));
    this.#shown = this.#at < 0 ? this.#draft : others[this.#at].prompt;
    replaceAll(area, this.#shown);
  }

  async open() {
    const close = make("button", { type: "button", class: "icon-button", "aria-label": "Close", onclick: () => this.dialog.close() }, icon("close"));
    this.search = make("input", { type: "search", placeholder: "Search in your prompts", "aria-label": "Search in your prompts", autocomplete: "off", spellcheck: "false", oninput: () => this.#later() });
    this.list = make("ul", { class: "prompt-list" });
    this.note = make("p", { class: "muted small", role: "status" }, "…");
    this.dialog.onkeydown = (event) => this.#move(event);
    fillWith(this.dialog, make("div", { class: "details-head" }, make("h2", { id: "prompt-history-title" }, "Prompts of before"), close), make("div", { class: "details-body" }, this.search, this.list, this.note));
    this.dialog.showModal();
    placeToasts();
    this.search.focus();
    await this.#render();
  }

  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#render(), PAUSE_MS);
  }

  async #render() {
    const turn = (this.#turn += 1);
    const found = await ask(this.search.value);
    if (turn !== this.#turn) return;
    const row = ({ prompt, negative_prompt: negative, last_used: used, pictures }) =>
      make("li", {}, make("button", { type: "button", class: "prompt-entry", onclick: () => this.#take(prompt, negative) }, make("span", { class: "prompt-words" }, prompt), negative && make("span", { class: "muted small prompt-negative" }, `Not: ${negative}`), make("span", { class: "muted small" }, `${dateTime(used)} · ${pictures === 1 ? "1 picture" : `${pictures} pictures`}`)));
    fillWith(this.list, (found ?? []).map(row));
    this.note.textContent = found === null ? "The studio does not answer just now." : found.length ? "In the prompt, Alt+↑ and Alt+↓ walk through these." : this.search.value ? "No prompt of yours has these words." : "Nothing yet: prompts come here with your first picture.";
  }

  #move(event) {
    if (!["ArrowDown", "ArrowUp"].includes(event.key)) return;
    const entries = [...this.dialog.querySelectorAll(".prompt-entry")];
    const next = entries.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    event.preventDefault();
    (next < 0 ? this.search : entries[Math.min(next, entries.length - 1)])?.focus();
  }

  #take(prompt, negative) {
    this.dialog.close();
    const { form } = this.#studio;
    replaceAll(form.input("negative_prompt"), negative);
    replaceAll(form.input("prompt"), prompt);
  }
}

async function ask(words) {
  try {
    return (await request("GET", `prompts/history?search=${encodeURIComponent(words)}`)).prompts;
  } catch {
    return null;
  }
}
