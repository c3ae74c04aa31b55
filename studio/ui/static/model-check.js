// Whether a model is sound: what its card says, and the check among its details, which goes on without the page.

import { request } from "./api.js";
import { fillWith, make } from "./dom.js";
import { icon } from "./icons.js";
import { size } from "./model-words.js";
import { date, duration } from "./words.js";

const OFTEN_MS = 1000;

/** What was found when all of a model was last read, in a line; what is wrong is said as problems are. */
export function soundLine(checked) {
  if (!checked || checked.problem) return null;
  return make("p", { class: "model-sound muted small", title: "Every byte of it was read then" }, icon("check"), make("span", {}, `Sound on ${date(checked.at)}`));
}

/** A button that begins it, how far it is, and what was found; `problem` draws what is wrong, `ended` is called then. */
export function checkPanel(model, { problem, begun, ended }) {
  const words = make("span", { role: "status", class: "muted small" });
  const figures = make("span", { class: "muted small" });
  const bar = make("div", { class: "progress", role: "progressbar", "aria-label": `Checking ${model.name}`, "aria-valuemin": 0, "aria-valuemax": 100, hidden: true }, make("i"));
  const button = make("button", { type: "button", class: "button" }, "Check the file");
  const panel = make("div", { class: "details-check" }, make("div", { class: "details-settings" }, button, words, figures), bar);
  let active = false;
  let timer = 0;

  const show = (check) => {
    const was = active;
    active = ["waiting", "running"].includes(check.state);
    button.textContent = active ? "Stop" : "Check the file";
    fillWith(words, said(check, problem));
    figures.textContent = check.state === "running" ? read(check) : "";
    const share = check.size_bytes ? check.done_bytes / check.size_bytes : 0;
    bar.hidden = !active;
    bar.setAttribute("aria-valuenow", Math.floor(100 * share));
    bar.firstChild.style.width = `${100 * share}%`;
    clearTimeout(timer);
    if (active) timer = setTimeout(() => panel.isConnected && ask("GET"), OFTEN_MS);
    else if (was) ended();
  };
  const ask = async (method) => {
    try {
      show(await request(method, `models/${model.id}/check`));
    } catch (error) {
      words.textContent = error.message;
    }
  };
  button.addEventListener("click", async () => {
    button.disabled = true;
    const focused = document.activeElement === button;
    await ask(active ? "DELETE" : "POST");
    button.disabled = false;
    if (focused) button.focus();
    begun();
  });
  void ask("GET");
  return panel;
}

function said({ state, sound, problem: found, at }, problem) {
  if (state === "waiting") return "Waiting for its turn";
  if (state === "running") return "Being read";
  if (found) return problem({ problem: found, trouble: "damaged" });
  if (state === "stopped") return "Stopped";
  return sound ? `It is sound: every byte was read on ${date(at)}.` : "";
}

function read({ done_bytes: done, size_bytes: whole, bytes_per_s: speed, seconds_left: left }) {
  return [`${size(done)} of ${size(whole)}`, speed ? `${size(speed)}/s` : "", left === null ? "" : `${duration(left)} left`].filter(Boolean).join(" · ");
}
