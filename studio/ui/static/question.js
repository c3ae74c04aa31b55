// Asks before something great. The harmless answer has the focus.

import { fillWith, make } from "./dom.js";

export function ask(title, words, yes, { no = "Keep them", kind = "danger" } = {}) {
  const dialog = document.querySelector("#question");
  return new Promise((resolve) => {
    const answer = (sure) => () => {
      dialog.returnValue = sure ? "yes" : "";
      dialog.close(dialog.returnValue);
    };
    fillWith(
      dialog,
      make("h2", { id: "question-title" }, title),
      make("p", { class: "muted" }, words),
      make(
        "div",
        { class: "question-buttons" },
        make("button", { type: "button", class: "button", autofocus: true, onclick: answer(false) }, no),
        make("button", { type: "button", class: `button ${kind}`, onclick: answer(true) }, yes),
      ),
    );
    dialog.setAttribute("aria-labelledby", "question-title");
    dialog.returnValue = "";
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    dialog.showModal();
  });
}
