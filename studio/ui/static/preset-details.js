// One preset in full: what it sets, what is wrong with it, and what can be done with it. One's own can be changed here.

import { address, request, sendFile } from "./api.js";
import { fillWith, make } from "./dom.js";
import { icon } from "./icons.js";
import { nameOf, shown } from "./preset-words.js";
import { USES } from "./preset-saving.js";
import { toast } from "./toasts.js";

const ORIGINS = { shipped: "Ships with the studio", home: "In the home’s presets folder, for everybody", own: "Yours" };

export class PresetDetails {
  #presets;

  constructor(presets) {
    this.#presets = presets;
    this.dialog = document.querySelector("#preset-dialog");
  }

  open(name) {
    const preset = this.#presets.find(name);
    if (!preset) return;
    const path = `presets/${encodeURIComponent(name)}`;
    const isOwn = preset.origin === "own";
    const close = () => this.dialog.close();
    const on = this.#presets.has(name);
    const lay = () => {
      close();
      this.#presets.toggle(name);
    };
    const sets = Object.entries(preset.fields).map(([field, value]) => make("div", { class: String(value).length > 40 ? "long" : "" }, make("dt", {}, nameOf(field)), make("dd", {}, shown(value))));
    fillWith(
      this.dialog,
      make(
        "div",
        { class: "preset-form preset-details", "data-preset": name },
        make("div", { class: "preset-top" }, make("img", { class: "preset-portrait", src: address(preset.thumbnail), alt: "" }), make("div", {}, make("h2", {}, preset.title), make("p", { class: "muted small" }, [ORIGINS[preset.origin], preset.family].filter(Boolean).join(" · ")), make("p", {}, preset.notes))),
        preset.problem && make("p", { class: "reason" }, icon("alert"), make("span", {}, preset.problem)),
        make("dl", { class: "recipe" }, sets),
        isOwn && this.#changing(preset, path),
        make(
          "div",
          { class: "question-buttons" },
          isOwn && make("button", { type: "button", class: "button danger preset-delete", onclick: () => void this.#delete(preset, path) }, "Delete"),
          make("a", { class: "button", href: address(`${path}/file`), download: true }, icon("download"), "Export"),
          !isOwn && make("button", { type: "button", class: "button", onclick: () => this.#copy(preset) }, "Save as my own…"),
          (!preset.problem || on) && make("button", { type: "button", class: "button primary", autofocus: true, onclick: lay }, on ? "Take off" : "Use"),
        ),
        make("button", { type: "button", class: "icon-button preset-close", "aria-label": "Close", title: "Close", onclick: close }, icon("close")),
      ),
    );
    this.dialog.setAttribute("aria-label", `Preset ${preset.title}`);
    this.dialog.showModal();
  }

  #copy(preset) {
    this.dialog.close();
    this.#presets.saving.fromPreset(preset);
  }

  /** Title, family, notes and use of one's own; each change is kept as it is made. */
  #changing(preset, path) {
    const message = make("p", { class: "field-error", role: "alert" });
    const change = async (event) => {
      try {
        fillWith(message);
        const changed = await request("PATCH", path, { [event.target.name]: event.target.value });
        await this.#presets.refresh();
        if (event.target.name === "title") this.dialog.querySelector("h2").textContent = changed.title;
      } catch (error) {
        fillWith(message, error.message);
      }
    };
    const text = (name, words, most) => make("label", { class: "preset-line" }, make("span", {}, words), make("input", { type: "text", name, value: preset[name], maxlength: most, autocomplete: "off", onchange: change }));
    const uses = make("select", { name: "default_for", onchange: change }, USES.map(([value, words]) => make("option", { value, selected: value === preset.default_for }, words)));
    return make("details", { class: "preset-changing" }, make("summary", {}, "Change it, or begin new forms with it"), text("title", "Title", 80), text("family", "Family", 40), text("notes", "Notes", 2000), make("label", { class: "preset-line" }, make("span", {}, "Begin new forms with it"), uses), message);
  }

  async #delete(preset, path) {
    try {
      const kept = await (await fetch(address(`${path}/file`))).blob();
      this.dialog.close();
      await this.#presets.takeOff(preset.name);
      await request("DELETE", path);
      await this.#presets.refresh();
      const back = async () => {
        const answer = await sendFile("presets/import", kept);
        if (preset.default_for) await request("PATCH", `presets/${encodeURIComponent(answer.names[0])}`, { default_for: preset.default_for });
        await this.#presets.refresh();
        this.#presets.strip.reveal(answer.names[0]);
      };
      toast(`“${preset.title}” was deleted`, { action: { label: "Undo", run: () => back().catch((error) => toast(error.message, { kind: "error" })) } });
    } catch (error) {
      toast(`It was not deleted. ${error.message}`, { kind: "error" });
    }
  }
}
