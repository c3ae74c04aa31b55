// One model on its way, as a row: how far it is, and what can be done about it.

import { make, sentence } from "./dom.js";
import { size } from "./model-words.js";
import { duration } from "./words.js";

export function arrivalRow(arrival, { again, remove }) {
  const share = arrival.size_bytes ? Math.min(1, arrival.done_bytes / arrival.size_bytes) : 0;
  const running = arrival.state === "running";
  const unsure = running && (arrival.way === "convert" || arrival.checking || !arrival.size_bytes);
  const bar = make(
    "div",
    { class: `progress${unsure ? " unsure" : ""}`, role: "progressbar", "aria-label": arrival.name, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": unsure ? null : Math.floor(100 * share) },
    make("i", { style: `width: ${100 * share}%` }),
  );
  const button = (words, run, told) => make("button", { type: "button", class: "button", "data-key": `${words} ${arrival.id}`, "aria-label": `${words}: ${told ?? arrival.name}`, onclick: run }, words);
  // What goes on stands where "Stop" stood: a second click must not throw away what came.
  const buttons = {
    waiting: [button("Stop", remove)],
    running: [button("Stop", remove)],
    stopped: [button("Forget", remove), button("Go on", again)],
    failed: [button("Forget", remove), button("Try again", again)],
    done: [button("Dismiss", remove)],
  }[arrival.state];
  return make(
    "div",
    { class: "arrival", "data-state": arrival.state },
    make("div", { class: "arrival-words" }, make("strong", {}, arrival.name), make("p", { class: arrival.state === "failed" ? "arrival-problem small" : "muted small" }, words(arrival))),
    make("div", { class: "arrival-buttons" }, buttons),
    ["running", "waiting", "stopped"].includes(arrival.state) ? bar : null,
  );
}

function words(arrival) {
  const { state, way, done_bytes: done, size_bytes: whole } = arrival;
  const sizes = whole ? `${size(done)} of ${size(whole)}` : "";
  if (state === "failed") return sentence(arrival.problem);
  if (state === "done") return way === "convert" ? `Made of ${arrival.source}; it is in the library` : `${size(whole)}; it is in the library`;
  if (state === "waiting") return "Waiting for its turn";
  if (state === "stopped") return way === "convert" ? "Stopped" : ["Stopped", sizes && done ? `${sizes} came and are kept` : ""].filter(Boolean).join(". ");
  if (way === "convert") return `Converting ${arrival.source}`;
  if (arrival.checking) return "All is here; its hash is being checked";
  const speed = arrival.bytes_per_s ? `${size(arrival.bytes_per_s)}/s` : "";
  const left = arrival.seconds_left === null ? "" : `${duration(arrival.seconds_left)} left`;
  return [sizes || "Asking the hub", speed, left].filter(Boolean).join(" · ");
}
