// One model as a card.

import { address } from "./api.js";
import { make, sentence } from "./dom.js";
import { icon } from "./icons.js";
import { soundLine } from "./model-check.js";
import { kindName, size, traits } from "./model-words.js";

export function modelCard(page, model) {
  const title = model.defaults.title || model.about.title;
  const open = make(
    "button",
    { type: "button", class: "model-open", "aria-label": `Details of ${model.name}`, onclick: () => page.open(model.id) },
    portrait(model),
  );
  const card = make(
    "article",
    { class: "model", "data-id": model.id, "data-kind": model.kind },
    open,
    make(
      "div",
      { class: "model-body" },
      make("h3", { title: model.folder ? `${model.folder}/${model.file}` : model.file }, model.name),
      make("p", { class: "model-kind muted" }, [kindName(model.kind), size(model.size_bytes)].join(" · ")),
      make("p", { class: "traits" }, traits(model).map((words) => make("span", {}, words))),
      model.problem ? problem(model) : null,
      unsound(model),
      model.problem || model.checked?.problem ? null : make("p", { class: "model-note muted" }, model.notes || title || model.defaults.notes || model.trigger_words.slice(0, 6).join(", ")),
      model.remark ? remark(model) : null,
      model.problem ? null : soundLine(model.checked),
      model.cost ? make("p", { class: "model-cost muted small" }, model.cost) : null,
      make("div", { class: "model-actions" }, ...actions(page, model)),
    ),
  );
  card.told = JSON.stringify(model); // by which it is known whether it must be drawn anew
  return card;
}

const pictureOf = (model) => address(`models/${model.id}/thumbnail?of=${model.picture_id || model.short_hash || model.size_bytes}`);

/** The picture of a model, or its first letters where it has none. */
export function portrait(model) {
  const letters = make("span", { class: "model-letters", "aria-hidden": "true" }, model.name.replace(/[^\p{L}\p{N}]/gu, "").slice(0, 2) || "?");
  if (!model.has_picture) return letters;
  return make("img", { src: pictureOf(model), alt: "", loading: "lazy", onerror: (event) => event.target.replaceWith(letters) });
}

export function problem(model) {
  return make("p", { class: "model-problem", "data-trouble": model.trouble }, icon("alert"), make("span", {}, sentence(model.problem)));
}

/** What was found wrong when all of it was read, unless its card says so anyway. */
export function unsound(model) {
  return model.checked?.problem && model.trouble !== "damaged" ? problem({ problem: model.checked.problem, trouble: "damaged" }) : null;
}

/** What to know before it is used: that it has no VAE of its own, which matters as long as none is chosen for it. */
export function remark(model) {
  const isSettled = model.fitting_vaes.includes(model.chosen_vae);
  return make("p", isSettled ? { class: "model-remark muted small" } : { class: "model-warning" }, make("span", {}, sentence(model.remark)));
}

export function actions(page, model) {
  // An embedding is called by its file's name, as A1111 has it.
  const words = model.kind === "embedding" ? model.file.replace(/\.[^.]+$/, "") : `<lora:${model.name}:${model.weight ?? 1}>`;
  return [
    model.usable && ["lora", "embedding"].includes(model.kind) && make("button", { type: "button", class: "button", title: words, onclick: () => page.insert(words) }, "Insert into prompt"),
    model.pickled && page.keepsModels && make("button", { type: "button", class: "button", onclick: () => page.convert(model) }, "Convert…"),
    model.usable && model.kind === "checkpoint" && make("button", { type: "button", class: "button primary", onclick: () => page.use(model) }, "Use"),
  ].filter(Boolean);
}
