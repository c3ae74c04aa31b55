// Light, dark, or as the system has it. The choice is remembered in this browser.

import { fillWith } from "./dom.js";
import { icon } from "./icons.js";

const KEY = "latent-studio.colours";
const NAMES = { system: "as the system", light: "light", dark: "dark" };
const ICONS = { system: "system", light: "sun", dark: "moon" };
const NEXT = { system: "light", light: "dark", dark: "system" };
const system = window.matchMedia("(prefers-color-scheme: dark)");

const choice = () => (localStorage.getItem(KEY) in NAMES ? localStorage.getItem(KEY) : "system");

function apply() {
  const dark = choice() === "dark" || (choice() === "system" && system.matches);
  document.body.classList.toggle("dark", dark);
  document.documentElement.classList.toggle("dark", dark);
}

export function startTheme(button) {
  const show = () => {
    apply();
    const words = `Colours: ${NAMES[choice()]}`;
    fillWith(button, icon(ICONS[choice()]));
    button.setAttribute("aria-label", words);
    button.title = words;
  };
  button.addEventListener("click", () => {
    localStorage.setItem(KEY, NEXT[choice()]);
    show();
  });
  show();
}

system.addEventListener("change", apply);
apply();
// Gradio sets the system's colours itself while it starts, after this file has run.
new MutationObserver(() => {
  const dark = choice() === "dark" || (choice() === "system" && system.matches);
  if (document.body.classList.contains("dark") !== dark) apply();
}).observe(document.body, { attributeFilter: ["class"] });
