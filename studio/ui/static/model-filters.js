// The choices of family and folder above the models. They last in this browser, as the kind does in the address.

import { fillWith, make } from "./dom.js";
import { familyName } from "./model-words.js";

const KEY = "latent-studio.models";
const TOP = "."; // lies in no folder

export class ModelFilters {
  #family;
  #folder;

  constructor(changed) {
    this.family = document.querySelector("#models-family");
    this.folder = document.querySelector("#models-folder");
    const kept = read();
    this.#family = kept.family ?? "";
    this.#folder = kept.folder ?? "";
    this.family.addEventListener("change", () => this.#choose(this.family.value, this.#folder, changed));
    this.folder.addEventListener("change", () => this.#choose(this.#family, this.folder.value, changed));
  }

  /** Whether anything is left out. */
  get narrow() {
    return Boolean(this.#family || this.#folder);
  }

  get key() {
    return `${this.#family} ${this.#folder}`;
  }

  clear() {
    this.#choose("", "", () => {});
  }

  holds(model) {
    return this.#isOfFamily(model) && (!this.#folder || around(model).includes(this.#folder));
  }

  /** Offers what there is among ``models``; what is chosen stays offered. */
  render(models) {
    this.#renderFamilies(models);
    this.#renderFolders(models.filter((model) => this.#isOfFamily(model)));
  }

  #isOfFamily(model) {
    return !this.#family || model.family === this.#family;
  }

  #choose(family, folder, changed) {
    [this.#family, this.#folder] = [family, folder];
    localStorage.setItem(KEY, JSON.stringify({ family, folder }));
    changed();
  }

  #renderFamilies(models) {
    const families = [...new Set(models.map((model) => model.family))].filter((family) => family !== "unknown").sort();
    if (this.#family && !families.includes(this.#family)) families.push(this.#family);
    offer(this.family, [["", "All families"], ...families.map((family) => [family, familyName(family) || family])], this.#family);
    this.family.hidden = families.length < 2 && !this.#family;
  }

  #renderFolders(models) {
    const counts = new Map(this.#folder ? [[this.#folder, 0]] : []);
    for (const folder of models.flatMap(around)) counts.set(folder, (counts.get(folder) ?? 0) + 1);
    const folders = [...counts.keys()].filter((folder) => folder !== TOP).sort(inOrder);
    const words = (folder) => `${folder === TOP ? "In no folder" : folder} (${counts.get(folder).toLocaleString("en")})`;
    const shown = [...(counts.has(TOP) ? [TOP] : []), ...folders];
    offer(this.folder, [["", "All folders"], ...shown.map((folder) => [folder, words(folder)])], this.#folder);
    this.folder.hidden = !folders.length && !this.#folder;
  }
}

/** The folder that a model lies in, and those around it. */
function around(model) {
  const parts = model.folder.split("/").filter(Boolean);
  return parts.length ? parts.map((_, at) => parts.slice(0, at + 1).join("/")) : [TOP];
}

/** A folder before what it holds, names as people sort them. */
function inOrder(one, other) {
  const [left, right] = [one.split("/"), other.split("/")];
  const at = left.findIndex((part, index) => part !== right[index]);
  if (at < 0 || right[at] === undefined) return left.length - right.length;
  return left[at].localeCompare(right[at], undefined, { numeric: true });
}

/** An open list must not close under the pointer, so it is filled anew only when it is another one. */
function offer(select, options, chosen) {
  const told = JSON.stringify([options, chosen]);
  if (select.told === told) return;
  select.told = told;
  fillWith(select, options.map(([value, words]) => make("option", { value, selected: value === chosen }, words)));
}

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}
