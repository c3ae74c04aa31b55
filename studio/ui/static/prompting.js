// What helps with a prompt, beside its fields: suggestions, how it is read, prompts of before, wildcards, many at once.

import { Autocomplete } from "./autocomplete.js";
import { ManyPrompts } from "./many-prompts.js";
import { PromptHistory } from "./prompt-history.js";
import { Understanding } from "./understanding.js";
import { WildcardEditor } from "./wildcard-editor.js";

export class Prompting {
  constructor(studio) {
    this.autocomplete = new Autocomplete(studio);
    this.understanding = new Understanding(studio);
    this.history = new PromptHistory(studio);
    this.wildcards = new WildcardEditor(studio);
    this.many = new ManyPrompts(studio);
    this.acts = {
      "prompt-history": () => this.history.open(),
      wildcards: () => this.wildcards.open(),
      "many-prompts": () => this.many.open(),
    };
  }

  start() {
    this.autocomplete.start();
    this.understanding.start();
    this.history.start();
    document.querySelector("#prompt-tools").addEventListener("keydown", (event) => this.#along(event));
    document.querySelector("[data-fold=understanding]").addEventListener("click", () => this.changed());
  }

  /** One stop of the Tab key; arrows go along it. */
  #along(event) {
    const turn = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!turn) return;
    event.preventDefault();
    const tools = [...event.currentTarget.querySelectorAll("button")];
    const next = tools[(tools.indexOf(document.activeElement) + turn + tools.length) % tools.length];
    for (const tool of tools) tool.tabIndex = tool === next ? 0 : -1;
    next.focus();
  }

  /** Lists of words have been changed here. */
  wildcardsChanged() {
    this.autocomplete.forget("wildcard");
    this.understanding.forget();
  }

  /** The form holds something else than before. */
  changed() {
    this.understanding.later();
  }
}
