// Finishing a picture of the gallery: adjustments with a live view beside the original, and upscaling. What is applied
// becomes a job of its own; the original stays.

import { ADJUSTMENTS, adjusted } from "./adjust.js";
import { ApiError, newId, order, request } from "./api.js";
import { comparison } from "./compare.js";
import { fillWith, make } from "./dom.js";
import { fileOf } from "./pictures.js";
import { toast } from "./toasts.js";

const SHOWN_PX = 1024;
const ANEW = "second pass";
const OF_THE_RECIPE = ["negative_prompt", "checkpoint", "sampler", "schedule", "steps", "guidance_scale", "seed", "clip_skip"];
const NAMES = { brightness: "Brightness", contrast: "Contrast", saturation: "Saturation", temperature: "Temperature", sharpness: "Sharpness" };

export class Finisher {
  #studio;
  #id = null;
  #pixels = null;
  #drawing = 0;
  #sending = false;

  constructor(studio) {
    this.#studio = studio;
    this.dialog = document.querySelector("#finisher");
    this.dialog.addEventListener("close", () => (this.#pixels = null));
  }

  async open(id) {
    this.#id = id;
    const image = new Image();
    image.src = fileOf(id);
    image.alt = "";
    try {
      const [{ upscalers }] = await Promise.all([request("GET", "upscalers"), image.decode()]);
      this.#build(image, upscalers.filter(({ kind }) => kind !== "latent"));
    } catch {
      return toast("The picture could not be fetched.", { kind: "error" });
    }
    this.dialog.showModal();
  }

  #build(image, upscalers) {
    const scale = Math.min(1, SHOWN_PX / Math.max(image.naturalWidth, image.naturalHeight));
    const canvas = make("canvas");
    canvas.width = Math.max(1, Math.round(image.naturalWidth * scale));
    canvas.height = Math.max(1, Math.round(image.naturalHeight * scale));
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    this.context.drawImage(image, 0, 0, canvas.width, canvas.height);
    this.#pixels = this.context.getImageData(0, 0, canvas.width, canvas.height);
    const rows = ADJUSTMENTS.map((name) => this.#row(name));
    const anew = make("option", { value: ANEW }, "Second pass: draw details anew");
    this.upscaler = make("select", { "aria-label": "Upscaler" }, make("option", { value: "None" }, "No upscaling"), upscalers.map(({ name }) => make("option", { value: name }, name)), anew);
    this.factor = make("select", { "aria-label": "Factor" }, [1.5, 2, 3, 4].map((factor) => make("option", { value: factor, selected: factor === 2 }, `${factor} times`)));
    this.upscaler.addEventListener("change", () => this.#show());
    this.message = make("p", { class: "field-error", role: "alert" });
    this.apply = make("button", { type: "button", class: "button primary", onclick: () => this.#send() }, "Apply");
    const side = make(
      "div",
      { class: "finisher-side" },
      make("h2", {}, "Finish"),
      rows,
      make("div", { class: "finisher-upscale" }, make("span", {}, "Enlarge"), this.upscaler, this.factor),
      this.message,
      make("div", { class: "finisher-end" }, make("button", { type: "button", class: "button", onclick: () => this.dialog.close() }, "Cancel"), make("button", { type: "button", class: "link-button", onclick: () => this.#reset() }, "Set back"), this.apply),
    );
    const ratio = image.naturalWidth / image.naturalHeight;
    fillWith(this.dialog, make("div", { class: "finisher-picture" }, comparison(image, canvas, ratio)), side);
    this.#show();
  }

  #row(name) {
    const range = make("input", { type: "range", min: -1, max: 1, step: 0.02, value: 0, "aria-label": NAMES[name], "data-adjust": name });
    const value = make("output", {}, "0");
    range.addEventListener("input", () => {
      value.textContent = Number(range.value).toFixed(2).replace(/\.?0+$/, "");
      this.#show();
    });
    range.addEventListener("dblclick", () => set(range, 0));
    return make("label", { class: "finisher-row" }, make("span", {}, NAMES[name]), value, range);
  }

  values() {
    const ranges = this.dialog.querySelectorAll("[data-adjust]");
    return Object.fromEntries([...ranges].map((range) => [range.dataset.adjust, Number(range.value)]));
  }

  #reset() {
    for (const range of this.dialog.querySelectorAll("[data-adjust]")) set(range, 0);
    this.upscaler.value = "None";
    this.#show();
  }

  #show() {
    this.factor.disabled = this.upscaler.value === "None";
    this.apply.disabled = this.#sending || (this.upscaler.value === "None" && Object.values(this.values()).every((value) => !value));
    this.message.textContent = "";
    cancelAnimationFrame(this.#drawing);
    this.#drawing = requestAnimationFrame(() => {
      if (!this.#pixels) return;
      const { width, height } = this.#pixels;
      this.context.putImageData(new ImageData(adjusted(this.#pixels, this.values()), width, height), 0, 0);
    });
  }

  /** Fields of an upscaler, or of a second pass that goes by the picture's own recipe. */
  #enlarging(recipe) {
    const factor = Number(this.factor.value);
    if (this.upscaler.value === "None") return {};
    if (this.upscaler.value !== ANEW) return { upscaler: this.upscaler.value, upscale: factor };
    const own = Object.fromEntries(OF_THE_RECIPE.filter((name) => recipe[name]).map((name) => [name, recipe[name]]));
    return { ...own, hires_scale: factor, hires_upscaler: "Lanczos", hires_denoising_strength: 0.5 };
  }

  async #send() {
    this.#sending = true;
    this.#show();
    try {
      const { sha256, source_image } = await request("POST", `sources/from-image/${this.#id}`);
      const known = await this.#studio.pictures.load(this.#id);
      const recipe = { mode: "finish", source: sha256, source_image, prompt: known.prompt ?? "", ...this.values(), ...this.#enlarging(known.recipe ?? {}) };
      const job = await order(newId(), recipe, 1);
      this.dialog.close();
      this.#studio.showJob(job);
    } catch (error) {
      this.message.textContent = error instanceof ApiError ? error.message : "The studio does not answer. Try again.";
    } finally {
      this.#sending = false;
      if (this.dialog.open) this.apply.disabled = false;
    }
  }
}

function set(range, value) {
  range.value = String(value);
  range.dispatchEvent(new Event("input"));
}
