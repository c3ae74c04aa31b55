// What can be done with one finished picture, as a row of buttons.

import { make } from "./dom.js";
import { icon } from "./icons.js";
import { downloadOf } from "./pictures.js";

export function actionButtons(studio, id) {
  return make("span", { class: "picture-actions" }, [
    favouriteButton(studio, id),
    button("recipe", "Use this recipe", () => studio.useRecipe(id)),
    button("image", "To image to image", () => studio.sendTo(id, "image")),
    button("mask", "To inpaint", () => studio.sendTo(id, "inpaint")),
    button("finish", "Finish: adjust or enlarge", () => studio.finish(id)),
    make("a", { class: "icon-button", href: downloadOf(id), download: true, "aria-label": "Download the original", title: "Download the original" }, icon("download")),
    button("trash", "Delete", () => studio.pictures.bin([id])),
  ]);
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
