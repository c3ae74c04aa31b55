// The cards of the Settings page: a title, rows, and forms that say in place what was refused.

import { fillWith, make } from "./dom.js";

export function card(id, title, ...children) {
  return make("section", { class: "card", id, "aria-labelledby": `${id}-title` }, make("h2", { id: `${id}-title` }, title), ...children);
}

/** A label over an input; a hint stands below. */
export function field(label, input, hint = "") {
  return make("label", { class: "card-field" }, make("span", {}, label), input, hint && make("small", { class: "muted" }, hint));
}

export function select(name, options, chosen) {
  return make("select", { name }, options.map(([value, words]) => make("option", { value, selected: value === chosen }, words)));
}

export function button(words, run, kind = "") {
  return make("button", { type: "button", class: `button ${kind}`.trim(), onclick: run }, words);
}

/** A form of fields with one button. What `send` rejects with is said below, at the field it is about. */
export function form(fields, yes, send) {
  const message = make("p", { class: "field-error", role: "alert" });
  const submit = make("button", { type: "submit", class: "button" }, yes);
  const sent = async (event) => {
    event.preventDefault();
    const element = event.currentTarget;
    submit.disabled = true;
    try {
      fillWith(message);
      for (const input of element.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
      await send(Object.fromEntries(new FormData(element)));
      element.reset();
    } catch (error) {
      const input = error.field && element.elements[error.field];
      input?.setAttribute?.("aria-invalid", "true");
      input?.focus?.();
      fillWith(message, sentence(error));
    } finally {
      submit.disabled = false;
    }
  };
  return make("form", { class: "card-form", onsubmit: sent }, ...fields, make("div", { class: "card-submit" }, submit), message);
}

/** A row of a list: words, and what can be done. */
export function row(words, ...actions) {
  return make("li", {}, make("span", { class: "row-words" }, words), make("span", { class: "row-actions" }, ...actions));
}

export function list(rows, empty) {
  return rows.length ? make("ul", { class: "rows" }, rows) : make("p", { class: "muted small" }, empty);
}

/** The code as a picture. It is for cameras: whoever cannot see it has the address beside it. */
export const qrCode = (data) => make("img", { class: "qr", src: data, alt: "", width: 168, height: 168 });

function sentence(error) {
  const words = error.field ? error.message.replace(new RegExp(`^${error.field}: `), "") : error.message;
  return words[0].toUpperCase() + words.slice(1);
}
