// Light, dark, or as the system has it, as the person likes it.

import { fillWith } from "./dom.js";
import { icon } from "./icons.js";
import { likings } from "./likings.js";

const NAMES = { system: "as the system", light: "light", dark: "dark" };
const ICONS = { system: "system", light: "sun", dark: "moon" };
const NEXT = { system: "light", light: "dark", dark: "system" };
const system = window.matchMedia("(prefers-color-scheme: dark)");

const choice = () => (likings.get("theme") in NAMES ? likings.get("theme") : "system");
const isDark = () => choice() === "dark" || (choice() === "system" && system.matches);

function apply() {
  document.body.classList.toggle("dark", isDark());
  document.documentElement.classList.toggle("dark", isDark());
}

export function startTheme(button) {
  const show = () => {
    apply();
    const words = `Colours: ${NAMES[choice()]}`;
    fillWith(button, icon(ICONS[choice()]));
    button.setAttribute("aria-label", words);
    button.title = words;
  };
  button.addEventListener("click", () => likings.change("theme", NEXT[choice()]).catch(() => {}));
  likings.addEventListener("change", show);
  show();
}

system.addEventListener("change", apply);
apply();
// Gradio sets the system's colours itself while it starts, after this file has run.
new MutationObserver(() => {
  if (document.body.classList.contains("dark") !== isDark()) apply();
}).observe(document.body, { attributeFilter: ["class"] });
