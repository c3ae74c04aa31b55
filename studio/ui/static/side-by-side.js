// Two to four pictures beside one another, with the lines of their recipes that differ marked; two can be laid over one
// another as well.

import { comparison } from "./compare.js";
import { fillWith, make } from "./dom.js";
import { icon } from "./icons.js";
import { fileOf } from "./pictures.js";
import { recipeRows } from "./recipe-rows.js";
import { placeToasts, toast } from "./toasts.js";

export async function compareSideBySide(studio, ids) {
  let images;
  try {
    images = await Promise.all(ids.map((id) => studio.pictures.load(id)));
  } catch (error) {
    return toast(error.message, { kind: "error" });
  }
  const dialog = document.querySelector("#side-by-side");
  const stage = make("div", { class: "side-stage" });
  const beside = () => fillWith(stage, images.map((image) => make("img", { src: fileOf(image.id), alt: image.prompt || "Picture without a prompt", class: "side-picture" })));
  const over = () => {
    const [before, after] = images.map((image) => make("img", { src: fileOf(image.id), alt: "" }));
    fillWith(stage, comparison(before, after, images[1].width_px / images[1].height_px));
    stage.querySelector("input").focus();
  };
  const change = make("button", { type: "button", class: "button", "aria-pressed": "false", onclick: () => {
    const laid = change.getAttribute("aria-pressed") !== "true";
    change.setAttribute("aria-pressed", String(laid));
    change.textContent = laid ? "Side by side" : "Lay over one another";
    if (laid) over();
    else beside();
  } }, "Lay over one another");
  const close = make("button", { type: "button", class: "icon-button", "aria-label": "Close", title: "Close", onclick: () => dialog.close() }, icon("close"));
  beside();
  dialog.onkeydown = (event) => {
    if (event.key === "c" && images.length === 2 && !event.ctrlKey && !event.metaKey) change.click();
  };
  dialog.style.setProperty("--count", images.length);
  fillWith(dialog, make("div", { class: "side-head" }, make("h2", {}, "Side by side"), images.length === 2 && change, close), stage, differences(images));
  dialog.showModal();
  placeToasts();
  dialog.addEventListener("close", placeToasts, { once: true });
}

/** The recipes as a table: a row a setting; where they differ it is marked, and says so to those who cannot see it. */
function differences(images) {
  const recipes = images.map((image) => new Map(recipeRows(image).filter(([name]) => name !== "Made").map(([name, value]) => [name, String(value)])));
  const names = [...new Set(recipes.flatMap((recipe) => [...recipe.keys()]))];
  const rows = names.map((name) => {
    const values = recipes.map((recipe) => recipe.get(name) ?? "–");
    const differ = new Set(values).size > 1;
    return make("tr", { class: differ ? "differs" : "" }, make("th", { scope: "row" }, name, differ && make("span", { class: "hidden-text" }, " (differs)")), values.map((value) => make("td", {}, value)));
  });
  rows.sort((a, b) => b.classList.contains("differs") - a.classList.contains("differs"));
  return make("div", { class: "side-table" }, make("table", {}, make("tbody", {}, rows)));
}
