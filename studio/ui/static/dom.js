// Builds elements. Text always goes in as text, never as markup, so a prompt with <script> in it stays a prompt.

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "style") element.style.cssText = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function fillWith(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** What a sentence of the studio's is made of: what stands between backticks in it is code. */
export function sentence(text) {
  const parts = text.split("`");
  return parts.length % 2 ? parts.map((part, at) => (at % 2 ? make("code", {}, part) : part)) : [text];
}

/** The same where only text can stand. */
export const plainly = (text) => (text.split("`").length % 2 ? text.replaceAll("`", "") : text);

/** Sets text only when it differs: a live region speaks, and a selection is lost, with every change. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The element, as soon as Gradio has built it. */
export function present(selector) {
  const found = document.querySelector(selector);
  if (found) return Promise.resolve(found);
  return new Promise((resolve) => {
    const observer = new MutationObserver(() => {
      const element = document.querySelector(selector);
      if (!element) return;
      observer.disconnect();
      resolve(element);
    });
    observer.observe(document.documentElement, { childList: true, subtree: true });
  });
}

export const calm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;
