// Copies text, also where the page is reached by plain http over the network and browsers offer no clipboard.

import { make } from "./dom.js";
import { toast } from "./toasts.js";

export async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = make("textarea", { style: "position:fixed;opacity:0" });
  area.value = text;
  ([...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body).append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error("copying was refused");
}

/** Copies and says so: what it is called stands in the message. */
export async function copyAndSay(text, what) {
  try {
    await copyText(text);
    toast(`${what} is on the clipboard`);
  } catch {
    toast("The browser did not allow copying.", { kind: "error" });
  }
}
