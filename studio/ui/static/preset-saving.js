// Saves a preset: from the form, from a picture, or from another preset. Which fields it keeps is chosen in groups, and
// {prompt} marks where other people's words go.

import { request } from "./api.js";
import { fillWith, make } from "./dom.js";
import { same } from "./form.js";
import { GROUPS, inGroup, KEPT_AT_FIRST, nameOf, shown } from "./preset-words.js";
import { thumbnailOf } from "./pictures.js";
import { toast } from "./toasts.js";

const HERE = "{prompt}";
const FAMILY = "Mine";
const LEFT_OUT = ["mode", "source", "source_image", "mask"];
export const USES = [["", "No"], ["any", "Yes, with every checkpoint"], ["sd1", "With Stable Diffusion 1.x"], ["sd2", "With Stable Diffusion 2.x"], ["sdxl", "With Stable Diffusion XL"]];

export class PresetSaving {
  #presets;
  #studio;
  #fields = {};
  #example = "";
  #image = null;

  constructor(presets, studio) {
    this.#presets = presets;
    this.#studio = studio;
    this.dialog = document.querySelector("#preset-dialog");
  }

  fromForm() {
    const { values, stack } = this.#presets.form;
    const fields = this.#presets.form.changedIn(values);
    const frame = stack?.frames?.prompt;
    const prompt = String(fields.prompt ?? "");
    const fits = frame && prompt.startsWith(frame[0]) && prompt.endsWith(frame[1]);
    const own = fits ? prompt.slice(frame[0].length, prompt.length - frame[1].length) : "";
    if (fits) fields.prompt = `${frame[0]}${HERE}${frame[1]}`;
    this.#open("Save as preset", fields, { example: own, image: this.#studio.stage.shownIds().at(-1) ?? null, notes: "" });
  }

  async fromPicture(id) {
    try {
      const image = await request("GET", `images/${id}`);
      const fields = this.#presets.form.changedIn(image.recipe);
      // What every picture has answered, whoever asked: it would only fix what suits another checkpoint better.
      delete fields.eta;
      if (fields.clip_skip === 1) delete fields.clip_skip;
      if (!fields.variation_strength) delete fields.variation_seed;
      if (fields.vae === "own") delete fields.vae;
      const [before, after] = this.#frameOf(String(fields.prompt ?? ""));
      const own = before || after ? fields.prompt.slice(before.length, fields.prompt.length - after.length) : "";
      if (own) fields.prompt = `${before}${HERE}${after}`;
      this.#open("Save its look as a preset", fields, { example: own, image: id, notes: "" });
    } catch (error) {
      toast(error.message, { kind: "error" });
    }
  }

  /** What a preset has written round somebody's words, where a prompt looks like the work of one. */
  #frameOf(prompt) {
    const frames = this.#presets.list.map((preset) => String(preset.fields.prompt ?? "").split(HERE)).filter((parts) => parts.length === 2);
    const fits = frames.filter(([before, after]) => prompt.startsWith(before) && prompt.endsWith(after) && prompt.slice(before.length, prompt.length - after.length).trim());
    return fits.sort((one, other) => other.join("").length - one.join("").length)[0] ?? ["", ""];
  }

  fromPreset(preset) {
    this.#open("Save as your own", { ...preset.fields }, { title: preset.title, family: preset.family, notes: preset.notes, example: preset.example, image: null });
  }

  #open(heading, fields, { title = "", family = FAMILY, notes, example, image }) {
    this.#fields = Object.fromEntries(Object.entries(fields).filter(([name, value]) => !LEFT_OUT.includes(name) && !same(value, "") && !(name.endsWith("seed") && value === -1)));
    this.#example = example;
    this.#image = image;
    const families = [...new Set([FAMILY, ...this.#presets.list.map((preset) => preset.family)])].filter(Boolean);
    this.message = make("p", { class: "field-error", role: "alert" });
    this.title = make("input", { type: "text", id: "preset-save-title", maxlength: 80, required: true, autocomplete: "off", value: title, placeholder: "Ink at night" });
    this.family = make("input", { type: "text", id: "preset-save-family", maxlength: 40, list: "preset-families", autocomplete: "off", value: family });
    this.notes = make("input", { type: "text", id: "preset-save-notes", maxlength: 2000, autocomplete: "off", value: notes, placeholder: "When to use it" });
    this.uses = make("select", { id: "preset-save-use" }, USES.map(([value, words]) => make("option", { value }, words)));
    this.send = make("button", { type: "submit", class: "button primary" }, "Save");
    const groups = GROUPS.map((group) => this.#group(group)).filter(Boolean);
    fillWith(
      this.dialog,
      make(
        "form",
        { class: "preset-form", onsubmit: (event) => void this.#save(event, false) },
        make("h2", {}, heading),
        make("div", { class: "preset-top" }, this.#picture(), make("div", { class: "preset-names" }, label("Title", this.title), label("Family", this.family), make("datalist", { id: "preset-families" }, families.map((name) => make("option", { value: name }))))),
        label("Notes", this.notes),
        make("fieldset", {}, make("legend", {}, "What it sets"), groups.length ? groups : make("p", { class: "muted small" }, "Nothing in the form is other than it comes. Change something first.")),
        label("Begin new forms with it", this.uses),
        this.message,
        make("div", { class: "question-buttons" }, make("button", { type: "button", class: "button", onclick: () => this.dialog.close() }, "Cancel"), this.send),
      ),
    );
    this.send.disabled = !groups.length;
    this.dialog.setAttribute("aria-label", heading);
    this.dialog.showModal();
    this.title.focus();
  }

  #picture() {
    if (!this.#image) return null;
    const use = make("input", { type: "checkbox", id: "preset-save-picture", checked: true, "aria-label": "With this picture" });
    return make("label", { class: "preset-thumb", title: "With this picture" }, make("img", { src: thumbnailOf(this.#image), alt: "" }), use);
  }

  #group([key, words, members]) {
    const names = Object.keys(this.#fields).filter((name) => inGroup(members, name));
    if (!names.length) return null;
    const box = make("input", { type: "checkbox", "data-group": key, checked: KEPT_AT_FIRST.includes(key) });
    if (key === "prompt" || key === "negative_prompt") return this.#words(key, words, box);
    const told = names.map((name) => `${names.length > 1 || key === "second" || key === "finish" ? `${nameOf(name)} ` : ""}${shown(this.#fields[name])}`).join(", ");
    return make("label", { class: "preset-group" }, box, make("span", {}, words), make("span", { class: "muted small" }, told));
  }

  #words(key, words, box) {
    const area = make("textarea", { id: `preset-save-${key}`, rows: 3, spellcheck: "false", "aria-label": words });
    area.value = this.#fields[key];
    const hint = make("p", { class: "muted small" });
    const put = make("button", { type: "button", class: "link-button", onmousedown: (event) => event.preventDefault(), onclick: () => this.#put(area) }, `Put ${HERE} in place of what is selected`);
    const tell = () => {
      hint.textContent = area.value.includes(HERE) ? `Other words go where ${HERE} stands.` : "Without a place for them, other words come before it.";
      put.hidden = area.value.includes(HERE);
    };
    area.addEventListener("input", tell);
    tell();
    return make("div", { class: "preset-words" }, make("label", { class: "preset-group" }, box, make("span", {}, words)), area, make("div", { class: "preset-hint" }, hint, put));
  }

  #put(area) {
    const [from, to] = [area.selectionStart, area.selectionEnd];
    if (from === to) area.setRangeText(`${HERE}, `, 0, 0, "end");
    else {
      if (area.id.endsWith("-prompt") && !area.id.includes("negative")) this.#example = area.value.slice(from, to).trim();
      area.setRangeText(HERE, from, to, "end");
    }
    area.dispatchEvent(new Event("input"));
    area.focus();
  }

  #chosen() {
    const kept = [...this.dialog.querySelectorAll("[data-group]:checked")].map((box) => box.dataset.group);
    const recipe = {};
    for (const [key, , members] of GROUPS) {
      if (!kept.includes(key)) continue;
      for (const name of Object.keys(this.#fields)) if (inGroup(members, name)) recipe[name] = this.#fields[name];
      const area = this.dialog.querySelector(`#preset-save-${key}`);
      if (area) recipe[key] = area.value.trim();
    }
    return recipe;
  }

  async #save(event, replaces) {
    event?.preventDefault();
    const recipe = this.#chosen();
    const withPicture = this.dialog.querySelector("#preset-save-picture")?.checked;
    const body = {
      title: this.title.value,
      family: this.family.value,
      notes: this.notes.value,
      example: recipe.prompt?.includes(HERE) ? this.#example.slice(0, 400) : "",
      default_for: this.uses.value,
      recipe,
      replace: replaces,
      ...(withPicture ? { image: this.#image } : {}),
    };
    try {
      if (!Object.keys(recipe).length) throw new Error("A preset that sets nothing changes nothing. Keep at least one of the settings.");
      const saved = await request("POST", "presets", body);
      this.dialog.close();
      await this.#presets.refresh();
      this.#presets.strip.reveal(saved.name);
      toast(`“${saved.title}” is among your presets`);
    } catch (error) {
      const replace = error.status === 409 && !replaces && make("button", { type: "button", class: "link-button", onclick: () => void this.#save(null, true) }, "Replace it");
      fillWith(this.message, error.message, " ", replace);
    }
  }
}

function label(words, control) {
  return make("label", { class: "preset-line" }, make("span", {}, words), control);
}
