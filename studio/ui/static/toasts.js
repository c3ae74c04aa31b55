// Short messages that go away by themselves, with at most one thing to do about them. They move into an open dialog,
// because everything outside of that is out of reach.

import { make, sentence } from "./dom.js";
import { icon } from "./icons.js";

const SECONDS = 4;
const SECONDS_WITH_ACTION = 10;
const MOST = 3;

const root = make("div", { id: "toasts", role: "status", "aria-live": "polite" });

export function placeToasts() {
  // the panels that open over others stand behind them in the document
  ([...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body).append(root);
}

export function toast(text, { kind = "plain", action = null, other = null } = {}) {
  placeToasts();
  let timer = 0;
  const close = () => {
    clearTimeout(timer);
    element.remove();
  };
  const wait = () => {
    timer = setTimeout(close, 1000 * (action || kind === "error" ? SECONDS_WITH_ACTION : SECONDS));
  };
  const button = ({ label, run }) => make("button", { type: "button", class: "toast-action", onclick: () => (close(), run()) }, label);
  const element = make(
    "div",
    { class: `toast ${kind}`, onmouseenter: () => clearTimeout(timer), onmouseleave: wait, onfocusin: () => clearTimeout(timer) },
    make("span", {}, kind === "error" ? sentence(text) : text),
    other && button(other),
    action && button(action),
    make("button", { type: "button", class: "icon-button", "aria-label": "Dismiss", onclick: close }, icon("close")),
  );
  if (kind === "plain" && !action) root.querySelector(".passing")?.remove();
  element.classList.toggle("passing", kind === "plain" && !action);
  root.append(element);
  while (root.children.length > MOST) root.firstChild.remove();
  wait();
  return close;
}
