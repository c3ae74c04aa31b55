// The lists of words behind __names__: found, looked into, changed, made and deleted, with what is wrong said in place.

import { request } from "./api.js";
import { fillWith, make } from "./dom.js";
import { icon } from "./icons.js";
import { ask } from "./question.js";
import { placeToasts, toast } from "./toasts.js";
import { replaceIn } from "./typing.js";

const NEW = "";

export class WildcardEditor {
  #studio;
  #files = [];
  #chosen = null;
  #saved = "";

  constructor(studio) {
    this.#studio = studio;
    this.dialog = document.querySelector("#wildcard-editor");
  }

  async open(name = null) {
    this.#build();
    this.dialog.showModal();
    placeToasts();
    await this.#ask();
    const file = this.#files.find((one) => one.names.some((known) => known.name === name)) ?? (window.innerWidth > 700 ? this.#files[0] : null);
    if (file) await this.#choose(file.file);
    this.search.focus();
  }

  #build() {
    const close = make("button", { type: "button", class: "icon-button", "aria-label": "Close", onclick: () => void this.#leave(() => this.dialog.close()) }, icon("close"));
    const fresh = make("button", { type: "button", class: "button", onclick: () => void this.#leave(() => this.#edit(NEW, "", null)) }, "New list");
    this.search = make("input", { type: "search", placeholder: "Search in names", "aria-label": "Search in names of lists", autocomplete: "off", spellcheck: "false", oninput: () => this.#renderList() });
    this.list = make("ul", { class: "wildcard-list" });
    this.pane = make("div", { class: "wildcard-pane" }, make("p", { class: "muted small" }, "Choose a list to look into it."));
    this.dialog.oncancel = (event) => {
      if (!this.#isChanged()) return;
      event.preventDefault();
      void this.#leave(() => this.dialog.close());
    };
    this.dialog.onclose = () => placeToasts();
    fillWith(
      this.dialog,
      make("div", { class: "details-head" }, make("h2", { id: "wildcard-editor-title" }, "Wildcards"), close),
      make("div", { class: "wildcard-body" }, make("div", { class: "wildcard-side" }, make("div", { class: "wildcard-find" }, this.search, fresh), this.list), this.pane),
    );
  }

  async #ask() {
    try {
      this.#files = (await request("GET", "wildcards")).files;
    } catch (error) {
      toast(error.message, { kind: "error" });
    }
    this.#renderList();
  }

  #renderList() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.#files.filter(({ file, names }) => words.every((word) => [file, ...names.map(({ name }) => name)].join(" ").toLowerCase().includes(word)));
    const row = ({ file, own, names, problem }) => {
      const count = names.reduce((sum, { entries }) => sum + entries, 0);
      const told = problem ?? `${names.length > 1 ? `${names.length} lists, ` : ""}${count === 1 ? "1 entry" : `${count} entries`}${own ? " · yours" : ""}`;
      return make("li", {}, make("button", { type: "button", class: `wildcard-file${problem ? " trouble" : ""}`, "aria-current": file === this.#chosen ? "true" : null, onclick: () => void this.#leave(() => this.#choose(file)) }, make("span", { class: "wildcard-name" }, file.replace(/\.txt$/, "")), make("span", { class: "muted small" }, told)));
    };
    fillWith(this.list, found.length ? found.map(row) : make("li", { class: "muted small" }, this.#files.length ? "No list is called that." : "There are none yet."));
  }

  async #choose(file) {
    try {
      const { text } = await request("GET", `wildcards/${encodeURI(file)}`);
      this.#edit(file, text, this.#files.find((one) => one.file === file));
    } catch (error) {
      toast(error.message, { kind: "error" });
      await this.#ask();
    }
  }

  #edit(file, text, known) {
    this.#chosen = file;
    this.#saved = text;
    const isNew = file === NEW;
    this.name = make("input", { type: "text", value: file.replace(/\.txt$/, ""), "aria-label": "Name", placeholder: "my/colours", autocomplete: "off", spellcheck: "false", required: true });
    this.text = make("textarea", { class: "wildcard-text", rows: 12, "aria-label": isNew ? "Entries, one a line" : `Entries of ${file}`, spellcheck: "false", placeholder: "red\n2::blue\n{light|dark} green", oninput: () => this.#showState() });
    this.text.value = text;
    this.message = make("p", { class: "field-error", role: "alert" }, known?.problem ?? "");
    this.save = make("button", { type: "submit", class: "button primary" }, known && !known.own ? "Save as yours" : "Save");
    const names = (known?.names ?? []).slice(0, 12).map(({ name }) => make("button", { type: "button", class: "chip", title: "Put it into the prompt", onclick: () => this.#insert(name) }, `__${name}__`));
    const remove = known?.own && make("button", { type: "button", class: "button danger", onclick: () => void this.#remove(known) }, known.ships ? "Back to the one that ships" : "Delete");
    const hint = file.match(/\.ya?ml$/) ? "YAML: names with lists under them." : "An entry a line; 2::red comes twice as often, # begins a comment. Entries may be templates themselves.";
    const form = make("form", { class: "wildcard-form", onsubmit: (event) => void this.#store(event) }, isNew ? this.name : make("h3", {}, this.name.value), names.length > 0 && make("p", { class: "wildcard-uses" }, names), this.text, make("p", { class: "muted small" }, hint), this.message, make("div", { class: "question-buttons" }, make("button", { type: "button", class: "button wildcard-back", onclick: () => void this.#leave(() => this.#back()) }, "Back"), remove, this.save));
    fillWith(this.pane, form);
    this.dialog.dataset.editing = "true";
    this.#renderList();
    this.#showState();
    if (isNew) this.name.focus();
  }

  #back() {
    this.#chosen = null;
    this.text = null;
    delete this.dialog.dataset.editing;
    fillWith(this.pane, make("p", { class: "muted small" }, "Choose a list to look into it."));
    this.#renderList();
    this.search.focus();
  }

  #isChanged() {
    return Boolean(this.text) && this.text.isConnected && this.text.value !== this.#saved;
  }

  #showState() {
    this.save.disabled = !this.#isChanged();
  }

  async #store(event) {
    event.preventDefault();
    const file = this.#chosen === NEW ? this.name.value.trim() : this.#chosen;
    if (this.#chosen === NEW && this.#files.some((one) => one.file === file || one.file === `${file}.txt`)) {
      this.message.textContent = "There is a list of that name already. Choose it on the left to change it.";
      return;
    }
    try {
      const saved = await request("PUT", `wildcards/${encodeURI(file)}`, { text: this.text.value });
      this.#saved = this.text.value;
      await this.#ask();
      this.#edit(saved.file, this.#saved, this.#files.find((one) => one.file === saved.file));
      this.#studio.prompting.wildcardsChanged();
      toast(`“${saved.file.replace(/\.txt$/, "")}” is saved`);
    } catch (error) {
      const said = error.message.replace(/^(text|name): /, "");
      this.message.textContent = said[0].toUpperCase() + said.slice(1);
      const line = Number(/^line (\d+)/.exec(said)?.[1]);
      if (line) this.#showLine(line);
      else (error.field === "name" && this.#chosen === NEW ? this.name : this.text).focus();
    }
  }

  #showLine(number) {
    const lines = this.text.value.split("\n");
    const start = lines.slice(0, number - 1).join("\n").length + (number > 1 ? 1 : 0);
    this.text.focus();
    this.text.setSelectionRange(start, start + (lines[number - 1]?.length ?? 0));
  }

  async #remove({ file, ships }) {
    const words = ships ? "Your changes go; the list that ships with the studio comes back." : "Prompts that name it can then no longer be made.";
    if (!(await ask(ships ? `Give up your “${file}”?` : `Delete “${file}”?`, words, ships ? "Give it up" : "Delete it", { no: "Keep it" }))) return;
    try {
      await request("DELETE", `wildcards/${encodeURI(file)}`);
      await this.#ask();
      if (ships) await this.#choose(file);
      else this.#back();
      this.#studio.prompting.wildcardsChanged();
    } catch (error) {
      toast(error.message, { kind: "error" });
    }
  }

  /** Goes on once nothing typed would be lost by it, or somebody has said that it may be. */
  async #leave(go) {
    if (!this.#isChanged() || (await ask("Leave your changes behind?", "What you typed into this list is not saved yet.", "Leave them", { no: "Go on typing" }))) return go();
    this.text.focus();
    return undefined;
  }

  #insert(name) {
    void this.#leave(() => {
      this.dialog.close();
      const area = this.#studio.form.input("prompt");
      const at = area.selectionEnd;
      const space = at > 0 && !/\s$/.test(area.value.slice(0, at)) ? " " : "";
      replaceIn(area, at, at, `${space}__${name}__`);
    });
  }
}
