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
    document.querySelector("[data-fold=understanding]").addEventListener("click", () => this.changed());
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
