// Checking models: all that are shown, or one among its details. The studio reads; the page only looks, so closing it
// stops nothing. What was found stands on the cards. Shown to whoever keeps the models.

import { request } from "./api.js";
import { fillWith, make, sentence } from "./dom.js";
import { modelCount, size } from "./model-words.js";
import { ask } from "./question.js";
import { toast } from "./toasts.js";
import { duration } from "./words.js";

const OFTEN_MS = 1000;
const SELDOM_MS = 8000;
const MOST_NAMED = 12;

export class Checking {
  #studio;
  #round = { state: "idle" };
  #timer = 0;
  #looked = 0;

  constructor(studio) {
    this.#studio = studio;
    this.strip = document.querySelector("#models-checks");
    this.opener = document.querySelector("#models-check");
  }

  start() {
    this.opener.hidden = false;
    this.opener.addEventListener("click", () => this.#askFor(this.#studio.models.shown()));
    document.addEventListener("visibilitychange", () => void this.#watch());
    void this.#watch();
  }

  /** Something was asked for elsewhere, or was just shown. */
  look() {
    return this.#watch(true);
  }

  async #askFor({ models, everything }) {
    if (!models.length) return toast("No model is shown that could be checked");
    const whole = size(models.reduce((sum, model) => sum + model.size_bytes, 0));
    const many = models.length > 1;
    const words = `${many ? `All ${whole} of them are` : `Its ${whole} are`} read again from end to end, in the background${many ? ", one after the other" : ""}. Bytes that a disk has spoilt show in the hash.`;
    if (!(await ask(`Check ${many ? modelCount(models.length) : models[0].name}?`, words, "Check", { no: "Not now", kind: "primary" }))) return undefined;
    const longestFirst = [...models].sort((one, other) => (one.checked?.at ?? "").localeCompare(other.checked?.at ?? ""));
    return this.#send("POST", everything ? {} : { models: longestFirst.map((model) => model.id) });
  }

  async #send(method, body) {
    try {
      this.#take(await request(method, "models/checks", body));
    } catch (error) {
      toast(error.message, { kind: "error" });
    }
    return this.#watch();
  }

  async #watch(now = false) {
    clearTimeout(this.#timer);
    const wanted = now || this.#round.state === "running" || this.#studio.route === "models" || !this.#looked;
    if (wanted && !document.hidden) {
      try {
        this.#take(await request("GET", "models/checks"));
        this.#looked += 1;
      } catch {
        // the next look may do: nothing depends on it
      }
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#watch(), this.#round.state === "running" ? OFTEN_MS : SELDOM_MS);
  }

  #take(round) {
    const was = this.#round;
    this.#round = round;
    this.#render();
    if (was.state !== "running" || round.state === "running") return;
    void this.#studio.models.askAgain();
    if (round.state === "done" && this.#studio.route !== "models") toast(outcome(round), round.problems.length ? { kind: "error" } : {});
  }

  #render() {
    const { state } = this.#round;
    this.strip.hidden = state === "idle";
    if (state === "idle") return fillWith(this.strip);
    const focused = this.strip.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    fillWith(this.strip, this.#row());
    if (focused) (this.strip.querySelector(`[data-key="${CSS.escape(focused)}"]`) ?? this.strip.querySelector(".arrival-buttons button"))?.focus();
    return undefined;
  }

  #row() {
    const round = this.#round;
    const share = round.size_bytes ? round.done_bytes / round.size_bytes : 0;
    const bar = make(
      "div",
      { class: "progress", role: "progressbar", "aria-label": "Checking models", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.floor(100 * share) },
      make("i", { style: `width: ${100 * share}%` }),
    );
    const button = (words, run) => make("button", { type: "button", class: "button", "data-key": words, "aria-label": `${words}: checking models`, onclick: run }, words);
    const remove = () => this.#send("DELETE");
    const buttons = {
      running: [button("Stop", remove)],
      stopped: [button("Forget", remove), button("Go on", () => this.#send("POST", { rest: true }))],
      done: [button("Dismiss", remove)],
    }[round.state];
    const title = round.state === "running" ? `Checking ${round.models === 1 ? (round.current?.name ?? "1 model") : modelCount(round.models)}` : outcome(round);
    return make(
      "div",
      { class: "arrival", "data-state": round.state },
      make("div", { class: "arrival-words" }, make("strong", { role: "status" }, title), figures(round), this.#problems(round)),
      make("div", { class: "arrival-buttons" }, buttons),
      round.state === "done" ? null : bar,
    );
  }

  /** Those that are not sound: one with its sentence, several by name. */
  #problems({ problems }) {
    if (!problems.length) return null;
    const name = ({ id, name: called }) => make("button", { type: "button", class: "link-button", "data-key": id, onclick: () => this.#studio.models.open(id) }, called);
    if (problems.length === 1) return make("p", { class: "arrival-problem small" }, name(problems[0]), ": ", sentence(problems[0].problem));
    const named = problems.slice(0, MOST_NAMED).flatMap((one, at) => [at ? ", " : "", name(one)]);
    const more = problems.length - MOST_NAMED;
    return make("p", { class: "arrival-problem small" }, "Not sound: ", named, more > 0 ? ` and ${more.toLocaleString("en")} more` : "");
  }
}

function outcome({ state, models, checked, problems }) {
  if (state === "stopped") return `Stopped after ${checked.toLocaleString("en")} of ${modelCount(models)}`;
  const wrong = problems.length;
  if (!wrong) return models === 1 ? "1 model was checked: it is sound" : `${modelCount(models)} were checked: all are sound`;
  return models === 1 ? "1 model was checked: it is not sound" : `${modelCount(models)} were checked: ${wrong.toLocaleString("en")} ${wrong === 1 ? "is" : "are"} not sound`;
}

function figures({ state, models, checked, current, done_bytes: done, size_bytes: whole, bytes_per_s: speed, seconds_left: left }) {
  if (state !== "running") return null;
  const place = models > 1 ? [current?.name, `${Math.min(models, checked + 1).toLocaleString("en")} of ${models.toLocaleString("en")}`] : [];
  const words = [...place, `${size(done)} of ${size(whole)}`, speed ? `${size(speed)}/s` : "", left === null ? "" : `${duration(left)} left`];
  return make("p", { class: "muted small" }, words.filter(Boolean).join(" · "));
}
