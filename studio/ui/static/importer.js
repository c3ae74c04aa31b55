// Pictures of other programs on their way into the gallery: what to take, how far it is, and what was skipped.

import { request } from "./api.js";
import { fillWith, make, setText } from "./dom.js";
import { withPath } from "./drops.js";
import { icon } from "./icons.js";
import { toast } from "./toasts.js";
import { Upload } from "./upload.js";
import { pictures as countOf } from "./words.js";

const LABELS_KEY = "latent-studio.import-labels";
const LABELS = [["none", "nothing"], ["tags", "tags"], ["albums", "albums"]];
const SUFFIX = /\.(png|jpe?g|webp|avif)$/i;
const ASK_MS = 1000;
const REFRESH_MS = 2500;
const MOST_NAMED = 100;

export class Importer {
  #studio;
  #runs = new Map(); // by id, what is shown: uploads of this page, and imports of the studio that it saw going
  #rows = new Map();
  #asking = false;
  #seen = false;
  #refreshed = 0;

  constructor(studio) {
    this.#studio = studio;
    this.dialog = document.querySelector("#importer");
    this.place = document.querySelector("#gallery-arriving");
    this.files = document.querySelector("#import-files");
    this.folder = document.querySelector("#import-folder");
  }

  start() {
    document.querySelector("#gallery-import").addEventListener("click", () => this.open());
    for (const input of [this.files, this.folder]) {
      input.addEventListener("change", () => {
        const files = [...input.files].map(withPath);
        input.value = "";
        if (files.length) this.take(files);
      });
    }
    window.addEventListener("beforeunload", (event) => {
      if ([...this.#runs.values()].some((run) => run instanceof Upload && run.isGoing)) event.preventDefault();
    });
  }

  /** Called when the gallery comes into view: an import may be going since before this page was loaded. */
  look() {
    if (this.#seen) return;
    this.#seen = true;
    void this.#ask();
  }

  // --- what to take ---

  /** Takes files in; those of folders after asking what their names become. */
  take(files) {
    const fitting = files.filter(({ path }) => SUFFIX.test(path) && !path.split("/").some((part) => part.startsWith(".") || part.toLowerCase() === "thumbnails"));
    if (!fitting.length) return toast("There is no PNG, JPEG, WebP or AVIF picture among these", { kind: "error" });
    if (fitting.some(({ path }) => path.includes("/"))) this.open(fitting);
    else this.#upload(fitting);
  }

  async open(chosen = null) {
    let allowed = false;
    try {
      ({ allowed } = await request("GET", "imports"));
    } catch {
      // then only files are offered; sending them will say what is wrong
    }
    fillWith(
      this.dialog,
      make("div", { class: "importer-head" }, make("h2", { id: "importer-title" }, "Import pictures"), close(this.dialog)),
      make("p", { class: "muted" }, "What A1111, Forge, SD.Next, ComfyUI, InvokeAI, Fooocus and others made, with its recipes. Pictures are copied; yours stay where they are."),
      chosen ? this.#chosenPart(chosen) : this.#filePart(),
      this.#labelsPart(),
      !chosen && allowed && this.#folderPart(),
    );
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.querySelector(".primary")?.focus();
  }

  #filePart() {
    return make(
      "div",
      { class: "importer-files" },
      make("button", { type: "button", class: "button primary", onclick: () => this.#choose(this.files) }, icon("image"), "Choose files"),
      make("button", { type: "button", class: "button", onclick: () => this.#choose(this.folder) }, icon("album"), "Choose a folder"),
      make("span", { class: "muted" }, "or drop them on the gallery"),
    );
  }

  #choose(input) {
    this.dialog.close();
    input.click();
  }

  #chosenPart(chosen) {
    const bytes = chosen.reduce((sum, { file }) => sum + file.size, 0);
    const folders = [...new Set(chosen.map(({ path }) => path.split("/")[0]))];
    const take = () => {
      this.dialog.close();
      this.#upload(chosen.map(({ file, path }) => ({ file, path: inside(path) })));
    };
    return make(
      "div",
      { class: "importer-files" },
      make("button", { type: "button", class: "button primary", onclick: take }, `Import ${countOf(chosen.length)}`),
      make("span", { class: "muted" }, `${size(bytes)} from ${folders.length > 1 ? `${folders.length} folders` : `“${folders[0]}”`}`),
    );
  }

  #labelsPart() {
    const keep = (event) => localStorage.setItem(LABELS_KEY, event.target.value);
    const options = LABELS.map(([value, words]) => make("option", { value, selected: value === labels() }, words));
    return make("label", { class: "importer-labels" }, "Names of subfolders become", make("select", { class: "format", onchange: keep }, options));
  }

  /** Folders of the studio's machine: looked at first, imported then. */
  #folderPart() {
    const text = make("textarea", { rows: 2, spellcheck: "false", placeholder: "/home/me/stable-diffusion-webui/outputs", "aria-describedby": "importer-said" });
    const said = make("p", { id: "importer-said", class: "muted", role: "status" });
    const button = make("button", { type: "submit", class: "button" }, "Look");
    let looked = "";
    const say = (words, isError = false) => {
      said.className = isError ? "field-error" : "muted";
      said.textContent = words;
    };
    const names = () => text.value.split("\n").map((line) => line.trim()).filter(Boolean);
    text.addEventListener("input", () => {
      looked = "";
      button.textContent = "Look";
      button.classList.remove("primary");
      say("");
    });
    const send = async (event) => {
      event.preventDefault();
      if (!names().length) return text.focus();
      button.disabled = true;
      if (!looked) say("Looking…");
      try {
        const answer = await request("POST", "imports", { folders: names(), labels: labels(), dry_run: looked !== text.value });
        if (answer.import) {
          this.dialog.close();
          this.#show(answer.import.id, answer.import);
          return void this.#ask();
        }
        const { count, size_bytes: bytes, free_bytes: free, fits } = answer.survey;
        say(count ? `${countOf(count)}, ${size(bytes)}. ${size(free)} are free${fits ? "." : ": that is too little."}` : "There is no PNG, JPEG, WebP or AVIF picture in there.", !fits || !count);
        if (!fits || !count) return;
        looked = text.value;
        button.textContent = `Import ${countOf(count)}`;
        button.classList.add("primary");
      } catch (error) {
        say(error.message.replace(/^folders: ./, (words) => words.at(-1).toUpperCase()), true);
      } finally {
        button.disabled = false;
        if (this.dialog.open) button.focus();
      }
    };
    return make("form", { class: "importer-folders", onsubmit: send }, make("label", {}, "Folders on the studio’s machine, one a line", text), make("div", {}, said, button));
  }

  // --- how far it is ---

  #upload(files) {
    const run = new Upload(files, labels());
    const id = `upload ${this.#runs.size}`;
    run.addEventListener("change", () => this.#show(id, run));
    this.#show(id, run);
    void run.run();
  }

  /** Asks for the studio's imports, and goes on while one is going. */
  async #ask() {
    if (this.#asking) return;
    this.#asking = true;
    try {
      for (let going = true; going; ) {
        const { imports } = await request("GET", "imports");
        going = false;
        for (const one of imports) {
          const isGoing = ["waiting", "running"].includes(one.state);
          if (isGoing || this.#runs.has(one.id)) this.#show(one.id, one);
          going ||= isGoing;
        }
        if (going) await new Promise((resolve) => setTimeout(resolve, document.hidden ? 5 * ASK_MS : ASK_MS));
      }
    } catch {
      this.#seen = false; // the next look asks again
    } finally {
      this.#asking = false;
    }
  }

  #show(id, run) {
    const before = this.#runs.get(id);
    this.#runs.set(id, run instanceof Upload ? run : { ...run });
    if (!this.#rows.has(id)) this.#rows.set(id, this.#row(id));
    this.#draw(this.#rows.get(id), run);
    this.place.hidden = false;
    const isGoing = ["waiting", "running"].includes(run.state);
    const hasNews = run.imported > 0 && (run instanceof Upload || run.imported !== before?.imported || !isGoing);
    if (hasNews && (!isGoing || performance.now() - this.#refreshed > REFRESH_MS)) {
      this.#refreshed = performance.now();
      this.#studio.gallery.arrived();
    }
  }

  #row(id) {
    const parts = { words: make("span", { class: "arriving-words", role: "status" }), bar: make("i", {}), buttons: make("span", { class: "arriving-buttons" }), problems: make("details", { hidden: true }) };
    parts.element = make("div", { class: "arriving" }, make("div", { class: "arriving-line" }, parts.words, parts.buttons), make("div", { class: "progress" }, parts.bar), parts.problems);
    parts.id = id;
    this.place.append(parts.element);
    return parts;
  }

  #draw(row, run) {
    const settled = run.imported + run.doubles + run.skipped;
    setText(row.words, inWords(run, settled));
    row.bar.style.width = `${run.total ? (settled / run.total) * 100 : 0}%`;
    if (row.state !== run.state) fillWith(row.buttons, this.#buttons(row, run));
    row.state = run.state;
    row.element.dataset.state = run.state;
    if (row.named === run.problems.length) return;
    row.named = run.problems.length;
    row.problems.hidden = !run.problems.length;
    const named = run.problems.slice(0, MOST_NAMED).map(({ file, reason }) => make("li", {}, make("strong", {}, file), ` ${reason}`));
    const more = run.skipped - named.length;
    fillWith(row.problems, make("summary", {}, `Skipped: ${run.skipped.toLocaleString("en")}`), make("ul", {}, named, more > 0 && make("li", {}, `and ${more.toLocaleString("en")} more`)));
  }

  #buttons(row, run) {
    const button = (words, act) => make("button", { type: "button", class: "button", onclick: act }, words);
    const isUpload = run instanceof Upload;
    const send = (method, path) => async () => {
      try {
        this.#show(row.id, await request(method, `imports/${row.id}${path}`));
        void this.#ask();
      } catch (error) {
        toast(error.message, { kind: "error" });
      }
    };
    if (["waiting", "running"].includes(run.state)) return button("Cancel", isUpload ? () => run.cancel() : send("DELETE", ""));
    const dismiss = make("button", { type: "button", class: "icon-button", "aria-label": "Dismiss", title: "Dismiss", onclick: () => this.#dismiss(row) }, icon("close"));
    return [!isUpload && run.state !== "done" && button("Go on", send("POST", "/resume")), dismiss];
  }

  #dismiss(row) {
    row.element.remove();
    this.#rows.delete(row.id);
    this.#runs.delete(row.id);
    this.place.hidden = !this.#rows.size;
  }
}

function inWords(run, settled) {
  const number = (count) => count.toLocaleString("en");
  const counts = [run.doubles && `${number(run.doubles)} ${run.doubles === 1 ? "was" : "were"} here already`, run.skipped && `${number(run.skipped)} skipped`].filter(Boolean);
  if (run.state === "waiting") return `${countOf(run.total)} wait to be imported`;
  if (run.state === "running") return [`Importing: ${number(settled)} of ${countOf(run.total)}`, ...counts, run.error].filter(Boolean).join(" · ");
  const ends = { done: "", cancelled: "Cancelled", failed: run.error || "It stopped" };
  return [ends[run.state], `${countOf(run.imported)} imported`, ...counts].filter(Boolean).join(" · ");
}

/** The path within the folder that was chosen; what lies in it directly keeps the folder's name. */
function inside(path) {
  const parts = path.split("/");
  return (parts.length > 2 ? parts.slice(1) : parts).join("/");
}

function labels() {
  const kept = localStorage.getItem(LABELS_KEY);
  return LABELS.some(([value]) => value === kept) ? kept : "none";
}

function size(bytes) {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(bytes >= 1e7 ? 0 : 1)} MB`;
  return `${Math.ceil(bytes / 1e3)} kB`;
}

function close(dialog) {
  return make("button", { type: "button", class: "icon-button", "aria-label": "Close", title: "Close", onclick: () => dialog.close() }, icon("close"));
}
