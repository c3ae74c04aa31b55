// Asks for a name, offering those there are. What is refused is said in place, and nothing typed is lost.

import { fillWith, make } from "./dom.js";

/** Resolves to the text once ``take`` has taken it, or to an empty one when nothing is wanted. */
export function askName(title, label, known, yes, take) {
  const dialog = document.querySelector("#naming");
  return new Promise((resolve) => {
    let taken = "";
    const input = make("input", { type: "text", list: "naming-known", autocomplete: "off", "aria-label": label, required: true, autofocus: true });
    const message = make("p", { class: "field-error", role: "alert" });
    const send = async (event) => {
      event.preventDefault();
      try {
        await take(input.value);
        taken = input.value.trim();
        dialog.close();
      } catch (error) {
        message.textContent = error.message;
        input.focus();
      }
    };
    fillWith(
      dialog,
      make(
        "form",
        { onsubmit: send },
        make("h2", {}, title),
        make("p", { class: "muted" }, label),
        input,
        make("datalist", { id: "naming-known" }, known.map((name) => make("option", { value: name }))),
        message,
        make("div", { class: "question-buttons" }, make("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel"), make("button", { type: "submit", class: "button primary" }, yes)),
      ),
    );
    dialog.setAttribute("aria-label", title);
    dialog.addEventListener("close", () => resolve(taken), { once: true });
    dialog.showModal();
  });
}
