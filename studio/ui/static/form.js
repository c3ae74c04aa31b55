// The form's side in the browser: what Gradio's components hold is remembered over reloads and devices, sliders follow
// their numbers, and errors stand at the field they are about. The values themselves live in Gradio.

import { make, present } from "./dom.js";
import { FormMemory } from "./form-memory.js";
import { toast } from "./toasts.js";

/** Whether two values of a field are the same to the person; an empty field has many spellings. */
export function same(one, other) {
  const empty = (value) => value === null || value === undefined || value === "";
  if (empty(one) || empty(other)) return empty(one) && empty(other);
  return one === other || (typeof one === "number" && Number(other) === one);
}

const RECIPE_LINE = /(^|\n)Steps: \d+, /;

export class Form extends EventTarget {
  values = null;
  stack = null; // the presets over the form, as Python answered them
  #facts;
  #memory = new FormMemory();
  #restored = false;
  #pending = null;
  #before = null;
  #saveTimer = 0;

  #stackBefore = null;

  constructor(facts) {
    super();
    this.#facts = facts;
  }

  async start() {
    await Promise.all([this.#memory.load(), ...["#fill", "#advanced", "[data-fold]", "#paste-offer", "#count input"].map(present)]);
    this.stack = read(this.#memory.values.stack);
    document.addEventListener("input", (event) => this.#typed(event));
    window.addEventListener("pagehide", () => this.#save(true));
    document.addEventListener("visibilitychange", () => void this.#catchUp());
    new MutationObserver(() => this.showSliders()).observe(await present("#advice"), { childList: true, subtree: true });
    for (const button of document.querySelectorAll("[data-fold]")) this.#setFold(button, stored("fold")[button.dataset.fold] === true);
    this.showSliders();
    this.#showNotes();
  }

  // --- what Gradio tells ---

  remember(values) {
    if (!this.#restored) return;
    this.values = this.#named(values);
    clearTimeout(this.#saveTimer);
    this.#saveTimer = setTimeout(() => this.#save(), 150);
    this.dispatchEvent(new Event("remembered"));
    requestAnimationFrame(() => {
      this.showSliders();
      this.#showNotes();
      this.#offerPaste();
    });
  }

  /** Keeps what is being ordered at once: a reload may come before Gradio has told of the last change. */
  keep(values) {
    this.remember(values);
    this.#save();
    this.#memory.flush();
  }

  #save(leaving = false) {
    clearTimeout(this.#saveTimer);
    if (this.values) this.#memory.take({ ...this.values, stack: this.stack?.layers?.length ? JSON.stringify(this.stack) : "" });
    if (leaving) this.#memory.flush(true);
  }

  /** Whoever comes back to this page finds the form as they left it elsewhere; going, it is told to the others. */
  async #catchUp() {
    if (!this.#restored) return;
    if (document.hidden) return this.#save(true);
    const values = await this.#memory.news();
    if (!values) return;
    const { count, stack, ...fields } = values;
    this.fill({ from: "values", values: { ...this.#facts.untouched, ...fields }, state: read(stack), quiet: true });
    if (count) this.write("count", count);
  }

  recall() {
    const { stack: _, ...remembered } = this.#memory.values;
    const kept = { ...this.#facts.untouched, count: 1, ...remembered };
    this.#restored = true;
    this.values = kept;
    return [...this.#facts.fields, "count"].map((name) => kept[name] ?? null);
  }

  /** A recipe for the REST routes: what is empty is left out. */
  recipe(values) {
    const named = this.#named(values);
    const count = named.count ?? 1;
    delete named.count;
    const given = Object.entries(named).filter(([, value]) => value !== null && value !== undefined && value !== "");
    return { recipe: Object.fromEntries(given), count };
  }

  /** The recipe that the form holds now. */
  recipeNow() {
    return this.recipe([...this.#facts.fields, "count"].map((name) => this.values?.[name] ?? null));
  }

  /** An input that cannot make a number of what was typed says it is empty; that would quietly mean "automatic". */
  checkNumbers() {
    const odd = [...this.#facts.fields, "count"].find((name) => this.input(name)?.validity.badInput);
    if (odd) throw Object.assign(new Error("this is not a number"), { field: odd });
  }

  #named(values) {
    return Object.fromEntries([...this.#facts.fields, "count"].map((name, index) => [name, values[index] ?? null]));
  }

  // --- filling it ---

  /** Asks Python to fill the form; message is what `actions.fill` takes. */
  fill(message) {
    this.#pending = message;
    document.querySelector("#fill").click();
  }

  startFilling(values) {
    this.#rememberBefore(values.slice(1));
    return [JSON.stringify(this.#pending), ...values.slice(1)];
  }

  filled(note, stack) {
    const { from, quiet } = this.#pending ?? {};
    const [before, stackBefore] = [this.#before, this.#stackBefore];
    this.clearErrors();
    this.stack = JSON.parse(stack || "null");
    this.#save();
    this.dispatchEvent(new CustomEvent("filled", { detail: { from } }));
    if (!note && (quiet || ["presets", "defaults"].includes(from))) return;
    const undoing = from === "values";
    const words = note || (undoing ? "The form is as it was" : "The form is filled");
    const undo = { label: "Undo", run: () => this.fill({ from: "values", values: before, state: stackBefore }) };
    const { template, ...asked } = this.#pending ?? {};
    const take = { label: "Take its words", run: () => this.fill({ ...asked, take: "words" }) };
    toast(words, { action: undoing || !before ? null : undo, other: template ? take : null });
  }

  #rememberBefore(values) {
    this.#before = this.#named([...values, null]);
    this.#stackBefore = this.stack;
    delete this.#before.count;
  }

  /** Whether nobody has changed anything: what a form begins with may be laid over it. */
  get isUntouched() {
    const { untouched, fields } = this.#facts;
    return fields.every((name) => same(this.values?.[name], untouched[name]));
  }

  /** The fields of a recipe that are not as they come, as the form would show them. */
  changedIn(recipe) {
    const { untouched, emptyMeans, fields } = this.#facts;
    const shown = (name) => (name in emptyMeans && recipe[name] === emptyMeans[name] ? null : recipe[name]);
    return Object.fromEntries(fields.filter((name) => !same(shown(name), untouched[name])).map((name) => [name, recipe[name]]));
  }

  /** Where a field's name stands. */
  labelOf(name) {
    return this.#block(name)?.querySelector("[data-testid=block-info], label > span") ?? null;
  }

  /** Writes into one field as if it had been typed. */
  write(name, value) {
    const input = this.input(name);
    input.value = value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  read(name) {
    return this.input(name).value;
  }

  swapSize() {
    const shown = (name) => this.read(name) || this.input(name).dataset.own || "";
    const [width, height] = [shown("width_px"), shown("height_px")];
    if (width === height) return;
    this.write("width_px", height);
    this.write("height_px", width);
  }

  input(name) {
    return this.#block(name)?.querySelector("textarea, input:not([type=range])");
  }

  #block(name) {
    return document.getElementById(`field-${name}`) ?? document.getElementById(name);
  }

  // --- errors ---

  showError(error) {
    this.clearErrors();
    const input = error.field ? this.input(error.field) : null;
    const said = input ? error.message.replace(new RegExp(`^${error.field}: `), "") : error.message;
    const sentence = said[0].toUpperCase() + said.slice(1);
    const label = input ? `${this.#label(error.field)}: ` : "";
    document.querySelector("#form-message").append(make("p", { class: "field-error" }, `${label}${input ? said : sentence}`));
    if (!input) return;
    this.#unfold(input);
    const id = `error-${error.field}`;
    this.#block(error.field).append(make("p", { class: "field-error", id }, sentence));
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", id);
    input.focus({ preventScroll: true });
    input.scrollIntoView({ block: "center", behavior: "instant" });
    const column = error.details?.column;
    if (column && input.setSelectionRange) input.setSelectionRange(column - 1, column);
  }

  /** A passing remark where the person looks after pressing Generate. */
  say(words) {
    const place = document.querySelector("#form-message");
    if (place.textContent !== words) place.replaceChildren(make("p", { class: "form-note" }, words));
  }

  clearErrors() {
    document.querySelector("#form-message .form-note")?.remove();
    for (const words of document.querySelectorAll(".field-error")) words.remove();
    for (const input of document.querySelectorAll("[aria-invalid]")) {
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
    }
  }

  #label(name) {
    return this.#block(name)?.querySelector("[data-testid=block-info]")?.textContent.trim() ?? name;
  }

  // --- folds, sliders, notes ---

  toggleFold(button) {
    const open = button.getAttribute("aria-expanded") !== "true";
    this.#setFold(button, open);
    localStorage.setItem("latent-studio.fold", JSON.stringify({ ...stored("fold"), [button.dataset.fold]: open }));
  }

  #setFold(button, open) {
    button.setAttribute("aria-expanded", String(open));
    document.getElementById(button.dataset.fold).classList.toggle("folded", !open);
  }

  #unfold(input) {
    const folded = input.closest(".folded");
    if (folded) this.#setFold(document.querySelector(`[data-fold="${folded.id}"]`), true);
  }

  showSliders() {
    for (const slider of document.querySelectorAll("[data-slider]")) this.#showSlider(slider);
    this.#showSizes();
  }

  /** An empty size is the checkpoint's own, or follows the picture that is started from. */
  #showSizes() {
    const follows = ["image", "inpaint"].includes(this.values?.mode);
    for (const name of ["width_px", "height_px"]) {
      const input = this.input(name);
      if (!input) continue;
      if (/^\d+$/.test(input.placeholder)) input.dataset.own = input.placeholder;
      const words = follows ? "from picture" : (input.dataset.own ?? "");
      if (input.placeholder !== words) input.placeholder = words;
    }
  }

  #showSlider(slider) {
    const input = this.input(slider.dataset.slider);
    if (!input) return;
    const shown = input.value || input.placeholder || slider.min;
    if (slider !== document.activeElement || !slider.matches(":active")) slider.value = shown;
    slider.classList.toggle("auto", !input.value);
    const share = (value) => Math.min(1, Math.max(0, (value - slider.min) / (slider.max - slider.min)));
    slider.style.setProperty("--at", share(Number(shown)));
    if (slider.dataset.slider !== "steps") return;
    const advice = document.querySelector("#advice .advice");
    slider.style.setProperty("--low", advice ? share(advice.dataset.low) : 0);
    slider.style.setProperty("--high", advice ? share(advice.dataset.high) : 0);
    slider.classList.toggle("outside", Boolean(advice?.classList.contains("outside")));
  }

  /** Says on a closed fold how many settings in it are not as they come. */
  #showNotes() {
    const { untouched } = this.#facts;
    for (const button of document.querySelectorAll("[data-fold]")) {
      const inside = document.getElementById(button.dataset.fold);
      const changed = this.#facts.fields.filter(
        (name) => inside.contains(this.#block(name)) && this.values && (this.values[name] ?? null) !== (untouched[name] ?? null),
      );
      button.querySelector(".fold-note").textContent = changed.length ? `${changed.length} changed` : "";
    }
  }

  #offerPaste() {
    document.querySelector("#paste-offer").hidden = !RECIPE_LINE.test(this.values?.prompt ?? "");
  }

  #typed(event) {
    const slider = event.target.closest?.("[data-slider]");
    if (slider) this.write(slider.dataset.slider, slider.value);
    const block = event.target.closest?.("[id^=field-], #count");
    if (!block) return;
    if (block.querySelector("[aria-invalid]")) this.clearErrors();
    this.showSliders();
  }
}

/** The presets over a form that was remembered. */
function read(stack) {
  try {
    return JSON.parse(stack || "null");
  } catch {
    return null;
  }
}

function stored(name) {
  try {
    return JSON.parse(localStorage.getItem(`latent-studio.${name}`)) ?? {};
  } catch {
    return {};
  }
}
