// Underlines what is wrong or odd in a prompt, where it stands, over the field itself. It never takes a click or a key.

import { fillWith, make } from "./dom.js";
import { layOutAs } from "./typing.js";

export class PromptMarks {
  #area;
  #marks = [];
  #text = "";

  constructor(area) {
    this.#area = area;
    this.box = make("div", { class: "prompt-marks", "aria-hidden": "true" });
    area.parentElement.classList.add("marked-field");
    area.after(this.box);
    area.addEventListener("scroll", () => this.#follow());
    area.addEventListener("input", () => area.value !== this.#text && this.show(this.#text, []));
    new ResizeObserver(() => this.#draw()).observe(area);
  }

  /** The marks of a text; start and end count characters, as a person does, not halves of them. */
  show(text, marks) {
    this.#text = text;
    this.#marks = marks.filter(({ start }) => start !== null);
    this.#draw();
  }

  #draw() {
    if (!this.#marks.length || this.#area.value !== this.#text) return void this.box.replaceChildren();
    if (!this.box.isConnected) this.#area.after(this.box); // Gradio may have drawn the field anew
    const characters = [...this.#text];
    const parts = [];
    let at = 0;
    for (const { kind, start, end } of [...this.#marks].sort((one, other) => one.start - other.start)) {
      if (start < at) continue;
      parts.push(characters.slice(at, start).join(""), make("span", { class: kind }, characters.slice(start, Math.max(end, start + 1)).join("") || " "));
      at = Math.max(end, start + 1);
    }
    layOutAs(this.box, this.#area);
    this.box.style.left = `${this.#area.offsetLeft}px`;
    this.box.style.top = `${this.#area.offsetTop}px`;
    this.box.style.height = `${this.#area.offsetHeight}px`;
    fillWith(this.box, make("div", {}, parts, characters.slice(at).join("")));
    this.#follow();
    return undefined;
  }

  #follow() {
    if (this.box.firstChild) this.box.firstChild.style.transform = `translateY(${-this.#area.scrollTop}px)`;
  }
}
