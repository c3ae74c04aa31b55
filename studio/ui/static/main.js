// Starts the page's script once Gradio has built the form, and joins its parts. Python calls it by `window.latentStudio`.

import "./patience.js";
import { ApiError, models, newId, order, request } from "./api.js";
import { Checking } from "./checking.js";
import { calm, present, setText } from "./dom.js";
import { listenForDrops } from "./drops.js";
import { Feed } from "./feed.js";
import { Form } from "./form.js";
import { Gallery } from "./gallery.js";
import { Getting } from "./getting.js";
import { drawIcons } from "./icons.js";
import { Importer } from "./importer.js";
import { likings } from "./likings.js";
import { Loras } from "./loras.js";
import { Models } from "./models.js";
import { Notices } from "./notices.js";
import { whoIsHere } from "./person.js";
import { Pictures } from "./pictures.js";
import { Presets } from "./presets.js";
import { Prompting } from "./prompting.js";
import { Queue } from "./queue.js";
import { showFavourites } from "./picture-actions.js";
import { Finisher } from "./finisher.js";
import { Residency } from "./residency.js";
import { Reading } from "./reading.js";
import { Settings } from "./settings.js";
import { Share } from "./share.js";
import { startSignals } from "./signals.js";
import { Source } from "./source.js";
import { Stage } from "./stage.js";
import { startTheme } from "./theme.js";
import { toast } from "./toasts.js";
import { Viewer } from "./viewer.js";
import { Wall } from "./wall.js";
import { weighByKeys } from "./weights.js";
import { isActive, pictures as countOf, progressOf } from "./words.js";

const TITLE = "Latent Studio";
const WORKER_WORDS = { starting: "Starting", ready: "Ready", restarting: "Restarting", failed: "Engine failed" };
const facts = JSON.parse(document.getElementById("studio-facts").textContent);

// Who is logged in, on the way to the settings; no name while nobody has an account.
function showAccount({ name, accounts }) {
  document.querySelector("#account-name").textContent = accounts ? name : "";
  for (const link of document.querySelectorAll("[data-wall]")) link.hidden = !accounts;
}

class Studio {
  form = new Form(facts);
  feed = new Feed();
  pictures = new Pictures();
  route = "create";
  examples = facts.examples;
  modelsFolder = facts.modelsFolder;
  beginsWithStarter = facts.beginsWithStarter;
  #sending = false;
  #announced = "";

  async start() {
    await Promise.all(["#stage-now", "#gallery-grid", "#models-grid", "#queue-line", "#model-details", "#model-getting", "#loras-add", "#lora-choice", "#viewer", "#theme", "#generate", "#source-slot", "#editor", "#finisher", "#reading", "#reading-file", "#prompt-notes", "#understanding", "#prompt-history", "#wildcard-editor", "#many-prompts", "#importer", "#presets", "#preset-dialog", "#preset-file", "#settings-cards", "#wall-grid", "#share", "#field-mode textarea, #field-mode input"].map(present));
    drawIcons();
    [this.me] = await Promise.all([whoIsHere(), likings.load()]);
    if (this.me) showAccount(this.me);
    this.stage = new Stage(this);
    this.gallery = new Gallery(this);
    this.viewer = new Viewer(this);
    this.source = new Source(this);
    this.finisher = new Finisher(this);
    this.models = new Models(this);
    this.reading = new Reading(this);
    this.importer = new Importer(this);
    this.residency = new Residency(this);
    this.queue = new Queue(this);
    this.getting = new Getting(this);
    this.checking = new Checking(this);
    this.loras = new Loras(this);
    this.prompting = new Prompting(this);
    if (this.me?.keeps_models) {
      this.getting.start();
      this.checking.start();
    }
    this.notices = new Notices();
    this.presets = new Presets(this);
    this.settings = new Settings();
    this.wall = new Wall(this);
    this.share = new Share();
    startTheme(document.querySelector("#theme"));
    await this.form.start();
    this.source.start();
    this.viewer.start();
    this.gallery.start();
    this.importer.start();
    this.models.start();
    this.residency.start();
    this.loras.start();
    void this.presets.start();
    this.prompting.start();
    this.stage.start();
    this.queue.start();
    this.feed.addEventListener("change", () => this.#showState());
    this.feed.addEventListener("change", () => this.notices.show(this.feed.notices));
    this.feed.addEventListener("updated", () => {
      toast("The studio was updated meanwhile", { action: { label: "Load it anew", run: () => location.reload() } });
    });
    this.pictures.addEventListener("change", () => showFavourites(this.pictures));
    startSignals(this.feed);
    this.feed.start();
    window.addEventListener("hashchange", () => this.#go());
    listenForDrops(this);
    document.addEventListener("click", (event) => this.#clicked(event));
    document.addEventListener("keydown", (event) => this.#key(event));
    this.#go();
  }

  // --- called from Gradio's events ---

  remember = (values) => {
    this.form.remember(values);
    if (this.form.values) this.source.follow(this.form.values);
    this.residency?.show();
    this.loras?.show();
    this.prompting?.changed();
  };
  recall = () => {
    const values = this.form.recall();
    this.source.follow(this.form.values);
    return values;
  };
  startFilling = (values) => this.form.startFilling(values);
  filled = (note, stack) => void this.form.filled(note, stack);
  showDefaults = () => void requestAnimationFrame(() => this.form.showSliders());
  opened = () => {
    this.showDefaults();
    this.presets.opened();
    document.documentElement.dataset.ready = "true";
  };

  async generate(values) {
    if (this.#sending) return;
    this.#sending = true;
    this.form.clearErrors();
    this.form.keep(values);
    this.#showState();
    const { recipe, count } = this.form.recipe(values);
    const ahead = this.feed.active().length;
    try {
      this.form.checkNumbers();
      const jobs = [];
      for (const one of await this.source.orders(recipe)) {
        jobs.push(await order(newId(), one, count, () => this.#waitForServer()));
        this.feed.merge(jobs.at(-1));
      }
      this.form.clearErrors();
      const made = jobs.reduce((sum, job) => sum + job.count, 0);
      if (ahead || jobs.length > 1) toast(`${countOf(made)} in the queue`);
      if (!ahead) this.#bringStageIntoView();
    } catch (error) {
      this.form.showError(error);
      if (!(error instanceof ApiError)) this.feed.refresh();
    } finally {
      this.#sending = false;
      this.#showState();
    }
  }

  #waitForServer() {
    this.form.say("The studio does not answer. Trying again…");
    this.feed.refresh();
  }

  // --- what the parts ask for ---

  get looksAfterOthers() {
    return Boolean(this.me?.accounts) && this.me.role === "admin";
  }

  async useRecipe(id) {
    this.#toCreate();
    const { recipe } = await request("GET", `images/${id}`).catch(() => ({}));
    this.form.fill({ from: "image", id, template: Object.values(recipe?.templates ?? {}).some(Boolean) });
  }

  /** Sends a picture of the gallery to a tab. */
  sendTo(id, mode) {
    this.#toCreate();
    this.source.takeImage(id, mode);
  }

  finish(id) {
    this.finisher.open(id);
  }

  /** A job that was ordered elsewhere than in the form. */
  showJob(job) {
    this.viewer.leave();
    this.#toCreate();
    this.feed.merge(job);
    this.#bringStageIntoView();
  }

  /** A preset of a picture's look. */
  keepLook(id) {
    void this.presets.saving.fromPicture(id);
  }

  useSeed(seed) {
    this.#toCreate();
    this.form.write("seed", seed);
    toast(`Seed ${seed} is in the form`);
  }

  /** Shows what of the gallery a search finds. */
  searchFor(words) {
    location.hash = "#/gallery";
    this.gallery.lookFor(words);
  }

  usePrompt(words) {
    this.form.write("prompt", words);
    this.form.input("prompt").focus();
  }

  openFrom(tile) {
    const ids = this.stage.shownIds();
    this.viewer.open(ids, Math.max(0, ids.indexOf(tile.imageId)));
  }

  async checkpointProblem() {
    const found = (await models()).models;
    if (found.some((model) => !model.problem)) return "";
    const broken = found[0] ? ` The one that is there cannot be used: ${found[0].problem}` : "";
    return `There is no checkpoint yet. Put a .safetensors file or a diffusers folder into ${facts.modelsFolder} and load this page again.${broken}`;
  }

  /** Tells those who cannot see it how a job goes: at quarters of the way and at the end. */
  announce(job, before) {
    if (job.id !== this.feed.focus()?.id) return;
    const quarter = Math.floor(job.progress * 4) * 25;
    const words = isActive(job)
      ? `${progressOf(job, this.feed).headline}${quarter ? `, ${quarter}%` : ""}`
      : before && isActive(before) && { done: `${countOf(job.done)} done`, failed: "The job failed", cancelled: "Cancelled" }[job.state];
    if (!words || words === this.#announced) return;
    this.#announced = words;
    setText(document.querySelector("#announcer"), words);
  }

  // --- the frame ---

  #showState() {
    const active = this.feed.active();
    const busy = active.length > 0;
    const pill = document.querySelector("#worker");
    const state = this.feed.reachable ? this.feed.worker : "unreachable";
    pill.dataset.state = busy && state === "ready" ? "busy" : state;
    const words = state === "unreachable" ? "No connection" : busy && state === "ready" ? "Working" : (WORKER_WORDS[state] ?? state);
    setText(pill.querySelector("span"), words);
    pill.title = this.feed.reason ?? "";
    document.querySelector("#cancel").hidden = !busy;
    document.documentElement.classList.toggle("busy", busy);
    document.querySelector("#generate").setAttribute("aria-busy", String(this.#sending));
    const focus = this.feed.focus();
    const title = busy ? `${Math.round(focus.progress * 100)}% · ${TITLE}` : TITLE;
    if (document.title !== title) document.title = title;
  }

  #go() {
    const [, route = "create", view = "all"] = location.hash.split("/");
    if (this.route === "settings") this.settings.leave();
    this.route = ["gallery", "models", "queue", "wall", "settings"].includes(route) ? route : "create";
    document.documentElement.dataset.route = this.route;
    for (const link of document.querySelectorAll("[data-route]")) {
      if (link.tagName !== "A") continue;
      if (link.dataset.route === this.route) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (this.route === "gallery") {
      this.gallery.show(["favourites", "bin"].includes(view) ? view : "all");
      this.importer.look();
    }
    if (this.route === "wall") void this.wall.show();
    if (this.route === "settings") void this.settings.show();
    document.querySelector("#account").toggleAttribute("aria-current", this.route === "settings");
    if (this.route === "models") {
      this.models.show(view);
      void this.residency.ask();
    }
    if (this.route === "queue") this.queue.show();
    if (this.route === "create") this.stage.show();
    window.scrollTo(0, 0);
  }

  #toCreate() {
    if (this.route !== "create") location.hash = "#/create";
  }

  #bringStageIntoView() {
    const stage = document.querySelector("#stage");
    document.querySelector("#stage-column").scrollTop = 0;
    const { top } = stage.getBoundingClientRect();
    if (top > window.innerHeight * 0.6 || top < 0) {
      stage.scrollIntoView({ behavior: calm() ? "instant" : "smooth", block: "start" });
    }
  }

  #clicked(event) {
    const fold = event.target.closest("[data-fold]");
    if (fold) return this.form.toggleFold(fold);
    if (event.target.closest("[data-skip]")) {
      event.preventDefault();
      return this.form.input("prompt").focus();
    }
    const button = event.target.closest("[data-act]");
    const act = button && { ...this.#acts, ...this.prompting.acts }[button.dataset.act];
    return act?.(button);
  }

  #acts = {
    cancel: () => this.stage.cancel(),
    "seed-roll": () => this.form.write("seed", ""),
    "seed-reuse": () => {
      const seed = this.stage.lastSeed();
      if (seed === null) toast("There is no picture yet to take a seed from");
      else this.form.write("seed", seed);
    },
    "swap-size": () => this.form.swapSize(),
    auto: (button) => this.form.write(button.dataset.for, ""),
    reset: () => this.form.fill({ from: "nothing" }),
    "read-picture": () => this.reading.choose(),
    "read-paste": () => this.form.fill({ from: "text", text: this.form.read("prompt"), template: /Template: /.test(this.form.read("prompt")) }),
  };

  #key(event) {
    weighByKeys(event);
    const dialog = document.querySelector("dialog[open]");
    if (dialog) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && this.route === "create") {
      event.preventDefault();
      document.querySelector("#generate").click();
    } else if (event.key === "Escape" && this.route === "create" && !event.defaultPrevented && !listIsOpen()) {
      this.stage.cancel();
    } else if (event.key === "/" && this.route === "gallery" && !event.target.closest("input, textarea")) {
      event.preventDefault();
      this.gallery.search.focus();
    } else if (event.key === "/" && this.route === "models" && !event.target.closest("input, textarea, select")) {
      event.preventDefault();
      this.models.search.focus();
    }
  }
}

const listIsOpen = () => document.activeElement?.getAttribute("aria-expanded") === "true" && document.activeElement.getAttribute("role") === "combobox";

const studio = new Studio();
studio.start().then(
  () => window.latentStudioIsReady(studio),
  (error) => {
    console.error(error);
    toast(`The page could not start: ${error.message}`, { kind: "error" });
  },
);
