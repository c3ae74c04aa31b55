// What can be done with one finished picture, as a row of buttons.

import { make } from "./dom.js";
import { icon } from "./icons.js";
import { chooseFormat, downloadFormat, downloadOf, FORMATS } from "./pictures.js";

export function actionButtons(studio, id) {
  return make("span", { class: "picture-actions" }, [
    favouriteButton(studio, id),
    button("recipe", "Use this recipe", () => studio.useRecipe(id)),
    button("image", "To image to image", () => studio.sendTo(id, "image")),
    button("mask", "To inpaint", () => studio.sendTo(id, "inpaint")),
    button("finish", "Finish: adjust or enlarge", () => studio.finish(id)),
    downloadLink(id),
    button("trash", "Delete", () => studio.pictures.bin([id])),
  ]);
}

/** A link whose address is asked for when it is used: the format may have been changed meanwhile. */
export function downloadLink(id) {
  const now = (event) => (event.currentTarget.href = downloadOf(id));
  return make("a", { class: "icon-button", href: downloadOf(id), download: true, onclick: now, oncontextmenu: now, "aria-label": "Download", title: "Download" }, icon("download"));
}

/** Which format downloads have; the gallery itself keeps PNG files. */
export function formatChoice() {
  const options = FORMATS.map((name) => make("option", { value: name, selected: name === downloadFormat() }, name === "webp" ? "WebP" : name.toUpperCase()));
  return make("select", { class: "format", "aria-label": "Download format", title: "Download format", onchange: (event) => chooseFormat(event.target.value) }, options);
}

export function favouriteButton(studio, id) {
  const element = button("heart", "Favourite", () => studio.pictures.favourite(id, !marked()));
  element.dataset.favourite = id;
  const marked = () => Boolean(studio.pictures.known(id)?.favourite);
  showFavourite(element, marked());
  return element;
}

/** Brings every heart on the page up to date with what is known. */
export function showFavourites(pictures) {
  for (const element of document.querySelectorAll("[data-favourite]")) {
    showFavourite(element, Boolean(pictures.known(element.dataset.favourite)?.favourite));
  }
}

function showFavourite(element, marked) {
  element.setAttribute("aria-pressed", String(marked));
}

function button(name, words, run) {
  return make("button", { type: "button", class: "icon-button", "aria-label": words, title: words, onclick: run }, icon(name));
}
