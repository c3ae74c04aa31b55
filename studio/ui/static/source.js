// Where a picture starts: the tabs, the slot that holds a source (or several, as a batch), and the mask and colours
// painted on it. The recipe's own fields (mode, source, mask) live in the form like all others; this keeps them filled.

import { address, request, sendFile } from "./api.js";
import { fillWith, make } from "./dom.js";
import { Editor } from "./editor.js";
import { maskSheetOf, Painting } from "./painting.js";
import { keepPainting, keptPainting } from "./paintings.js";

const KEEP_AFTER_MS = 400;
const OWN_FIELDS = { text: [], image: ["source", "source_image"], inpaint: ["source", "source_image", "mask"] };

export const sourceFile = (sha256) => address(`sources/${sha256}/file`);

export class Source {
  #studio;
  #shown = null;
  #painting = null;
  #image = null;
  #batch = [];
  #fromRecipe = "";
  #uploaded = { acts: null, mask: "", colours: null, picture: "" };
  #keepTimer = 0;

  constructor(studio) {
    this.#studio = studio;
  }

  start() {
    this.slot = document.querySelector("#source-slot");
    this.drop = document.querySelector("#source-drop");
    this.shown = document.querySelector("#source-shown");
    this.message = document.querySelector("#source-message");
    this.file = document.querySelector("#source-file");
    this.editor = new Editor();
    this.drop.addEventListener("click", () => this.file.click());
    this.file.addEventListener("change", () => {
      this.take([...this.file.files]);
      this.file.value = "";
    });
    this.editor.dialog.addEventListener("painted", () => this.#painted());
    for (const tab of this.#tabs()) tab.addEventListener("click", () => this.choose(tab.dataset.mode));
    document.querySelector("#modes").addEventListener("keydown", (event) => this.#turnTabs(event));
    window.addEventListener("pagehide", () => this.#keepNow());
  }

  get mode() {
    return this.#studio.form.values?.mode || "text";
  }

  choose(mode) {
    if (mode !== this.mode) this.#studio.form.write("mode", mode);
    this.#showMode(mode);
  }

  /** What the form says now: called with every change of it. */
  follow({ mode, source, mask }) {
    this.#showMode(mode || "text");
    if ((source || "") !== (this.#shown?.sha256 ?? "")) this.#follow(source || "", mask || "");
  }

  /** Takes files that were chosen, dropped or pasted. */
  async take(files) {
    const pictures = files.filter((file) => file.type.startsWith("image/") || !file.type);
    if (!pictures.length) return files.length && this.#say("That is no picture.", true);
    if (this.mode === "text") this.choose("image");
    const taken = [];
    const troubles = [];
    for (const [place, file] of pictures.entries()) {
      this.#say(pictures.length > 1 ? `Uploading ${place + 1} of ${pictures.length}…` : "Uploading…");
      try {
        taken.push({ ...(await upload(file)), name: file.name });
      } catch (error) {
        troubles.push(`${file.name || "The picture"}: ${plain(error)}`);
      }
    }
    const batch = this.mode === "image" && taken.length > 1;
    if (taken.length) this.#set(taken[0], batch ? taken : []);
    const notes = taken.length === 1 ? taken[0].notes : [];
    this.#say([...troubles, ...notes].join(" "), troubles.length > 0);
  }

  /** Makes a picture of the gallery the source. */
  async takeImage(id, mode) {
    this.choose(mode);
    try {
      this.#set(await request("POST", `sources/from-image/${id}`), []);
      this.#say("");
      if (mode === "inpaint") this.paint("mask");
      else this.#studio.form.input("prompt").focus({ preventScroll: true });
    } catch (error) {
      this.#say(plain(error), true);
    }
  }

  /** What is to be ordered: recipes with sources uploaded and fields of other modes left out, one for each of a batch. */
  async orders(recipe) {
    const mode = recipe.mode ?? "text";
    const own = OWN_FIELDS[mode] ?? [];
    const kept = Object.fromEntries(Object.entries(recipe).filter(([name]) => !OWN_FIELDS.inpaint.includes(name) || own.includes(name)));
    if (mode === "inpaint") for (const name of HIRES) delete kept[name];
    if (mode === "text" || !kept.source) return [kept];
    if (this.#batch.length > 1 && mode === "image") return this.#batch.map(({ sha256 }) => ({ ...kept, source: sha256, source_image: "" }));
    if (this.#painting?.hasColour && mode === "image") kept.source = await this.#colouredPicture();
    if (mode === "inpaint") {
      const mask = await this.#maskNow();
      if (mask) kept.mask = mask;
      else delete kept.mask;
    }
    return [kept];
  }

  async paint(layer) {
    const ready = await this.#ready();
    if (!ready) return;
    this.editor.open(this.#image, this.#painting, layer, this.#shown.has_alpha, () => this.#render());
  }

  // --- the slot ---

  #set(source, batch) {
    const { form } = this.#studio;
    this.#shown = source;
    this.#batch = batch;
    this.#fromRecipe = "";
    form.write("source", source.sha256);
    form.write("source_image", source.source_image ?? "");
    form.write("mask", "");
    this.#load(source);
  }

  remove() {
    this.#shown = this.#painting = this.#image = null;
    this.#batch = [];
    for (const name of OWN_FIELDS.inpaint) this.#studio.form.write(name, "");
    this.#say("");
    this.#render();
    this.drop.focus();
  }

  async #follow(sha256, mask) {
    this.#batch = [];
    if (!sha256) {
      this.#shown = this.#painting = this.#image = null;
      return this.#render();
    }
    this.#shown = { sha256 };
    this.#fromRecipe = mask;
    try {
      const known = await request("GET", `sources/${sha256}`);
      if (this.#shown?.sha256 !== sha256) return;
      this.#shown = known;
      this.#say("");
      this.#load(known);
    } catch (error) {
      if (this.#shown?.sha256 !== sha256) return;
      this.#shown = null;
      this.#render();
      this.#say(error.status === 404 ? "The picture that this started from is no longer here. Choose it again." : plain(error), true);
    }
  }

  async #load(source) {
    const image = new Image();
    image.decoding = "async";
    image.src = sourceFile(source.sha256);
    const painting = new Painting(source.width_px, source.height_px);
    this.#image = image;
    this.#painting = painting;
    this.#uploaded = { acts: null, mask: "", colours: null, picture: "" };
    this.#render();
    const kept = await keptPainting(source.sha256);
    if (this.#painting !== painting) return;
    if (this.#fromRecipe) await this.#layRecipesMask(painting);
    else if (kept) await painting.restore(kept);
    if (this.#painting === painting) this.#render();
  }

  async #layRecipesMask(painting) {
    const answer = await fetch(sourceFile(this.#fromRecipe));
    if (!answer.ok) return;
    painting.add({ kind: "picture", layer: "mask", sheet: await maskSheetOf(await answer.blob(), painting.width, painting.height) });
  }

  async #ready() {
    if (!this.#shown || !this.#image) return false;
    try {
      await this.#image.decode();
      return true;
    } catch {
      this.#say("The picture could not be fetched. Choose it again.", true);
      return false;
    }
  }

  #render() {
    this.slot.dataset.state = this.#shown ? "full" : "empty";
    this.shown.hidden = !this.#shown;
    this.drop.hidden = Boolean(this.#shown);
    if (!this.#shown?.width_px) return fillWith(this.shown);
    const { width_px: width, height_px: height } = this.#shown;
    const frame = make("button", { type: "button", class: "source-frame", style: `--ratio:${width}/${height}`, "aria-label": "Paint on the picture", onclick: () => this.paint(this.mode === "inpaint" ? "mask" : "colour") }, this.#image);
    const layers = [this.#painting?.hasColour && this.#small(this.#painting.colour, "source-colour"), this.#painting && this.#small(this.#painting.mask, "source-mask only-inpaint")];
    frame.append(...layers.filter(Boolean));
    const size = make("span", { class: "muted" }, this.#batch.length > 1 ? `${this.#batch.length} pictures, each made by itself` : `${width} × ${height}`);
    const buttons = make(
      "div",
      { class: "source-buttons" },
      make("button", { type: "button", class: "button only-inpaint", onclick: () => this.paint("mask") }, this.#painting?.isEmpty === false ? "Change the mask" : "Paint what to change"),
      this.#batch.length < 2 && make("button", { type: "button", class: "button only-image", onclick: () => this.paint("colour") }, "Sketch on it"),
      make("button", { type: "button", class: "link-button", onclick: () => this.file.click() }, "Replace"),
      make("button", { type: "button", class: "link-button", onclick: () => this.remove() }, "Remove"),
    );
    const strip = this.#batch.length > 1 && make("ul", { class: "source-batch" }, this.#batch.map((one) => make("li", { title: one.name }, make("img", { src: sourceFile(one.sha256), alt: one.name ?? "", loading: "lazy" }))));
    fillWith(this.shown, this.#batch.length > 1 ? strip : frame, make("div", { class: "source-side" }, size, buttons));
  }

  /** What is painted, small: canvases as large as the picture would cost its memory again. */
  #small(layer, name) {
    const scale = Math.min(1, 480 / Math.max(layer.width, layer.height));
    const canvas = make("canvas", { class: name });
    canvas.width = Math.max(1, Math.round(layer.width * scale));
    canvas.height = Math.max(1, Math.round(layer.height * scale));
    canvas.getContext("2d").drawImage(layer, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  #say(words, isError = false) {
    this.message.textContent = words;
    this.message.classList.toggle("error", isError);
  }

  // --- painting ---

  #painted() {
    this.#fromRecipe = "";
    clearTimeout(this.#keepTimer);
    this.#keepTimer = setTimeout(() => this.#keepNow(), KEEP_AFTER_MS);
  }

  #keepNow() {
    clearTimeout(this.#keepTimer);
    if (this.#shown && this.#painting && this.#keepTimer) keepPainting(this.#shown.sha256, this.#painting);
    this.#keepTimer = 0;
  }

  async #maskNow() {
    if (!this.#painting || this.#painting.isEmpty) return "";
    if (this.#fromRecipe) return this.#fromRecipe;
    const acts = JSON.stringify(this.#painting.acts.map(({ sheet, ...act }) => act));
    if (this.#uploaded.acts !== acts || !this.#uploaded.mask) {
      const { sha256 } = await upload(await this.#painting.maskFile(), "mask");
      Object.assign(this.#uploaded, { acts, mask: sha256 });
    }
    return this.#uploaded.mask;
  }

  async #colouredPicture() {
    if (!(await this.#ready())) throw new Error("The picture could not be fetched. Choose it again.");
    const colours = JSON.stringify(this.#painting.acts.map(({ sheet, ...act }) => act));
    if (this.#uploaded.colours !== colours) {
      const { sha256 } = await upload(await this.#painting.pictureFile(this.#image));
      Object.assign(this.#uploaded, { colours, picture: sha256 });
    }
    return this.#uploaded.picture;
  }

  // --- tabs, and files from outside ---

  #tabs() {
    return document.querySelectorAll("#modes [data-mode]");
  }

  #showMode(mode) {
    const tab = ["image", "inpaint"].includes(mode) ? mode : "text";
    document.documentElement.dataset.mode = tab;
    for (const one of this.#tabs()) {
      const chosen = one.dataset.mode === tab;
      one.setAttribute("aria-selected", String(chosen));
      one.tabIndex = chosen ? 0 : -1;
    }
  }

  #turnTabs(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    const tabs = [...this.#tabs()];
    const next = tabs[(tabs.findIndex((tab) => tab.tabIndex === 0) + by + tabs.length) % tabs.length];
    this.choose(next.dataset.mode);
    next.focus();
    event.preventDefault();
  }
}

const HIRES = ["hires_scale", "hires_width_px", "hires_height_px"];

export const upload = (file, kind = "picture") => sendFile(`sources?kind=${kind}`, file);

function plain(error) {
  const words = error.message.replace(/^\w+: /, "");
  return words[0].toUpperCase() + words.slice(1);
}
