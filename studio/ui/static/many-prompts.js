// Many prompts at once: every combination of the parts between bars (A1111's prompt matrix), or a job for each line of a
// text or file. What is wrong is said with its line, and then nothing is queued.

import { insist, newId } from "./api.js";
import { fillWith, make } from "./dom.js";
import { icon } from "./icons.js";
import { placeToasts, toast } from "./toasts.js";
import { pictures } from "./words.js";

const KEY = "latent-studio.lines";

export class ManyPrompts {
  #studio;
  #way = "lines";

  constructor(studio) {
    this.#studio = studio;
    this.dialog = document.querySelector("#many-prompts");
  }

  open() {
    this.#build();
    this.dialog.showModal();
    placeToasts();
    this.dialog.onclose = () => placeToasts();
    this.#show(combinations(this.#studio.form.read("prompt")).length > 1 ? "matrix" : "lines");
  }

  #build() {
    const close = make("button", { type: "button", class: "icon-button", "aria-label": "Close", onclick: () => this.dialog.close() }, icon("close"));
    const tab = (way, words) => make("button", { type: "button", role: "tab", "data-way": way, onclick: () => this.#show(way), onkeydown: (event) => this.#turn(event) }, words);
    this.tabs = make("div", { class: "modes", role: "tablist", "aria-label": "Which prompts" }, tab("lines", "A prompt a line"), tab("matrix", "Every combination"));
    this.body = make("div", { class: "many-body" });
    this.message = make("p", { class: "field-error", role: "alert" });
    this.go = make("button", { type: "button", class: "button primary", onclick: () => void this.#order() }, "Generate");
    const buttons = make("div", { class: "question-buttons" }, make("button", { type: "button", class: "button", onclick: () => this.dialog.close() }, "Cancel"), this.go);
    fillWith(this.dialog, make("div", { class: "details-head" }, make("h2", { id: "many-prompts-title" }, "Many prompts"), close), make("div", { class: "details-body" }, this.tabs, this.body, this.message, buttons));
  }

  #turn(event) {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    this.#show(this.#way === "lines" ? "matrix" : "lines");
    this.tabs.querySelector("[aria-selected=true]").focus();
  }

  #show(way) {
    this.#way = way;
    this.message.textContent = "";
    for (const tab of this.tabs.children) {
      tab.setAttribute("aria-selected", String(tab.dataset.way === way));
      tab.tabIndex = tab.dataset.way === way ? 0 : -1;
    }
    fillWith(this.body, way === "lines" ? this.#lines() : this.#matrix());
    this.#count();
    if (way === "lines") this.text.focus();
  }

  #lines() {
    this.text = make("textarea", { rows: 9, "aria-label": "Prompts, one a line", spellcheck: "false", placeholder: 'a red fox in snow\n--prompt "a blue owl" --steps 30 --seed 7', oninput: () => this.#count() });
    this.text.value = localStorage.getItem(KEY) ?? "";
    const file = make("input", { type: "file", accept: ".txt,text/plain", hidden: true, onchange: () => void this.#read(file) });
    const choose = make("button", { type: "button", class: "link-button", onclick: () => file.click() }, "Take a text file…");
    const place = this.#studio.form.read("prompt").includes("{prompt}");
    const told = place ? "Each line goes where {prompt} stands in your prompt." : "Each line is a job with the settings of the form. {prompt} in the form’s prompt would be where it goes.";
    return [make("p", { class: "muted small" }, told, " A line that begins with -- is flags."), this.text, make("p", {}, file, choose)];
  }

  async #read(file) {
    const [chosen] = file.files;
    file.value = "";
    if (!chosen) return;
    this.text.value = await chosen.text();
    this.#count();
  }

  #matrix() {
    const found = combinations(this.#studio.form.read("prompt"));
    if (found.length < 2) return make("p", { class: "muted" }, "Put bars between parts of your prompt: “a fox|in snow|at night”. The first part is in every picture, the others come in all combinations, from one seed.");
    const shown = found.slice(0, 16).map((words) => make("li", {}, words || "(nothing)"));
    return [make("ol", { class: "combinations" }, shown), found.length > shown.length && make("p", { class: "muted small" }, `and ${found.length - shown.length} more`)];
  }

  #count() {
    const each = this.#studio.form.values?.count || 1;
    const jobs = this.#way === "lines" ? this.text.value.split("\n").filter((line) => line.trim() && !line.trim().startsWith("#")).length : combinations(this.#studio.form.read("prompt")).length;
    const enough = this.#way === "lines" ? jobs > 0 : jobs > 1;
    this.go.disabled = !enough;
    this.go.textContent = !enough ? "Generate" : this.#way === "lines" ? `Queue ${jobs === 1 ? "1 job" : `${jobs} jobs`}` : `Make ${pictures(jobs * each)}`;
  }

  async #order() {
    const { form, feed } = this.#studio;
    const { recipe, count } = form.recipeNow();
    this.message.textContent = "";
    this.go.disabled = true;
    try {
      if (this.#way === "matrix") {
        const job = await insist("POST", "jobs", { id: newId(), recipe, count, matrix: true });
        this.dialog.close();
        this.#studio.showJob(job);
      } else {
        localStorage.setItem(KEY, this.text.value);
        const shared = (recipe.prompt ?? "").includes("{prompt}") ? recipe : { ...recipe, prompt: "{prompt}" };
        const { jobs } = await insist("POST", "batches", { id: newId(), recipe: shared, count, lines: this.text.value });
        this.dialog.close();
        for (const job of jobs) feed.merge(job);
        this.#studio.showJob(jobs[0]);
        toast(`${jobs.length === 1 ? "1 job is" : `${jobs.length} jobs are`} in the queue`);
      }
    } catch (error) {
      const said = error.message.replace(/^(lines|prompt): /, "");
      this.message.textContent = said[0].toUpperCase() + said.slice(1);
      this.#select(Number(/^line (\d+)/.exec(said)?.[1]));
    } finally {
      this.go.disabled = false;
    }
  }

  #select(number) {
    if (!number || this.#way !== "lines") return;
    const lines = this.text.value.split("\n");
    const start = lines.slice(0, number - 1).join("\n").length + (number > 1 ? 1 : 0);
    this.text.focus();
    this.text.setSelectionRange(start, start + lines[number - 1].length);
  }
}

/** As the studio makes them: bars within brackets part nothing, the first part is always there. */
export function combinations(text) {
  const parts = [""];
  const open = [];
  const closers = { "(": ")", "[": "]", "{": "}", "<": ">" };
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === "\\") {
      parts[parts.length - 1] += text.slice(index, index + 2);
      index += 1;
      continue;
    }
    if (character === "|" && !open.length) {
      parts.push("");
      continue;
    }
    if (closers[character] && text.indexOf(closers[character], index + 1) >= 0) open.push(closers[character]);
    else if (open.length && character === open.at(-1)) open.pop();
    parts[parts.length - 1] += character;
  }
  const [first, ...rest] = parts.map((part) => part.trim());
  const others = rest.filter(Boolean).slice(0, 16);
  return Array.from({ length: 2 ** others.length }, (_, number) => [first, ...others.filter((_part, bit) => (number >> bit) & 1)].filter(Boolean).join(", "));
}
