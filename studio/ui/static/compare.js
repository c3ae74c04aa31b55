// Two pictures over one another with a line between them that can be moved: before on its left, after on its right.

import { make } from "./dom.js";

export function comparison(before, after, ratio) {
  const range = make("input", { type: "range", min: 0, max: 100, value: 50, step: 0.5, "aria-label": "Where before ends and after begins" });
  const element = make("div", { class: "compare", style: `--ratio:${ratio};--at:50%` }, after, before, make("i", { class: "compare-line" }), make("span", { class: "compare-word before" }, "Before"), make("span", { class: "compare-word after" }, "After"), range);
  before.classList.add("compare-before");
  range.addEventListener("input", () => element.style.setProperty("--at", `${range.value}%`));
  return element;
}
