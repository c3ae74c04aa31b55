// What is where: bars of device, host and disk on the Models page, and what changing to a checkpoint costs, on its card
// and below the choice of checkpoint.

import { request } from "./api.js";
import { fillWith, make, setText } from "./dom.js";
import { size } from "./model-words.js";
import { toast } from "./toasts.js";

const EVERY_MS = 4000;
const NAMES = { device: "Graphics card", host: "Memory", disk: "Disk" };

export class Residency {
  #studio;
  #now = null;

  constructor(studio) {
    this.#studio = studio;
    this.bars = document.querySelector("#models-memory");
    this.hint = document.querySelector("#swap-cost");
  }

  start() {
    setInterval(() => !document.hidden && void this.ask(), EVERY_MS);
    void this.ask();
  }

  async ask() {
    try {
      this.#now = await request("GET", "models/residency");
    } catch {
      return; // the next time may do; nothing depends on it
    }
    this.show();
  }

  /** The checkpoint that "auto" means; empty while nobody knows. */
  get automatic() {
    return this.#now?.automatic ?? "";
  }

  /** What it takes until a checkpoint can begin, in a few words; empty where nobody knows. */
  cost(name) {
    const cost = this.#costOf(name);
    if (!cost) return "";
    if (cost.place === "ready") return "Ready at once";
    const seconds = cost.seconds === null ? "" : `, about ${inWords(cost.seconds)}`;
    return cost.place === "memory" ? `In memory: ${size(cost.bytes)} to copy${seconds}` : `On disk: ${size(cost.bytes)} to read${seconds}`;
  }

  #costOf(name) {
    return this.#now?.costs[name && name !== "auto" ? name : this.#now.automatic];
  }

  /** Called too when another checkpoint is chosen. */
  show() {
    const { checkpoint, vae } = this.#studio.form.values ?? {};
    const lacksVae = this.#costOf(checkpoint)?.needs_vae && ["auto", "own", ""].includes(vae ?? "");
    setText(this.hint, [lacksVae && "It has no VAE of its own: choose one under Advanced.", this.cost(checkpoint)].filter(Boolean).join(" "));
    this.hint.classList.toggle("is-open", Boolean(lacksVae));
    if (this.#now) this.#renderBars();
    this.#studio.models.showCosts();
  }

  #renderBars() {
    const now = this.#now;
    const bars = ["device", "host", "disk"].filter((name) => now[name]).map((name) => this.#bar(name, now[name], now.models));
    // Whoever comes next would wait for a load, so it is for those who keep the models.
    const unload = this.#studio.me?.keeps_models ? make("button", { type: "button", class: "button", disabled: !now.models.length, onclick: () => this.#unload() }, "Unload now") : null;
    const after = now.unload_after_minutes;
    const words = now.models.length
      ? `In memory: ${now.models.map((model) => model.name).join(", ")}.${after ? ` Given back after ${after} minutes without work.` : ""}`
      : "No model is in memory. The next picture loads the one it needs.";
    const told = JSON.stringify([now.device, ...[now.host.used_bytes, now.host.free_bytes, now.disk.free_bytes, now.disk.used_bytes].map((bytes) => Math.round(bytes / 16e6)), now.models]);
    if (this.bars.told === told) return;
    this.bars.told = told;
    fillWith(this.bars, make("div", { class: "memory-bars" }, bars), make("div", { class: "memory-foot" }, make("p", { class: "muted small" }, words), unload));
  }

  #bar(name, bar, models) {
    const key = name === "device" ? "device_bytes" : "host_bytes";
    const mine = name === "disk" ? [] : models.filter((model) => model[key]);
    const known = mine.reduce((sum, model) => sum + model[key], 0);
    const part = (bytes, words, className) => make("span", { class: `memory-part ${className}`, title: `${words}: ${size(bytes)}`, style: `width: ${(100 * bytes) / Math.max(bar.total_bytes, 1)}%` });
    const rest = Math.max(bar.used_bytes - known, 0);
    const others = Math.max(bar.total_bytes - bar.free_bytes - Math.max(bar.used_bytes, known), 0);
    const label = name === "disk" ? "models" : "studio";
    const words = `${NAMES[name]}: ${size(Math.max(bar.used_bytes, known))} ${label}, ${size(bar.free_bytes)} free of ${size(bar.total_bytes)}`;
    return make(
      "div",
      { class: "memory-row" },
      make("span", { class: "memory-name" }, NAMES[name]),
      make(
        "span",
        { class: "memory-bar", role: "img", "aria-label": words },
        mine.map((model, index) => part(model[key], model.name, `is-model shade-${index % 3}`)),
        part(rest, name === "disk" ? "Your models" : "The studio besides", name === "disk" ? "is-model" : "is-rest"),
        part(others, "Other programs and files", "is-other"),
      ),
      make("span", { class: "memory-figures muted" }, `${size(bar.free_bytes)} free`),
    );
  }

  async #unload() {
    try {
      await request("POST", "models/unload");
      toast("Memory that no picture uses is given back");
      setTimeout(() => void this.ask(), 600);
    } catch (error) {
      toast(error.message, { kind: "error" });
    }
  }
}

function inWords(seconds) {
  if (seconds < 1) return "a second";
  return seconds < 90 ? `${Math.round(seconds)} seconds` : `${Math.round(seconds / 60)} minutes`;
}
