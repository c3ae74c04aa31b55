// Sharing one picture: on the wall for everybody who is logged in, or by a link for whoever has it. Opened from full
// view; what was chosen takes effect at once and can be taken back in the same place.

import { request } from "./api.js";
import { button, field, list, row, select } from "./cards.js";
import { copyAndSay } from "./clipboard.js";
import { fillWith, make } from "./dom.js";
import { icon } from "./icons.js";
import { placeToasts, toast } from "./toasts.js";
import { dateTime } from "./words.js";

const HOURS = [["24", "a day"], ["168", "a week"], ["720", "30 days"], ["", "until withdrawn"]];

export const until = (link) => (link.expires_at ? `until ${dateTime(link.expires_at)}` : "until withdrawn");

/** The whole address: the one that others reach, where this page was opened by one that only this machine does. */
export function linkTo(link, sharing) {
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  const base = isLocal && sharing.addresses[0] ? sharing.addresses[0].address : location.origin;
  return base + link.path;
}

export class Share {
  #dialog = document.querySelector("#share");
  #image = null;
  #me = null;

  constructor() {
    this.#dialog.addEventListener("close", placeToasts);
    window.addEventListener("popstate", () => this.#dialog.close());
  }

  async open(image) {
    this.#image = image;
    try {
      await this.#draw();
      this.#dialog.showModal();
      placeToasts();
    } catch (error) {
      toast(error.message, { kind: "error" });
    }
  }

  async #draw() {
    const [me, wall, { links }, sharing] = await Promise.all([request("GET", "me"), request("GET", "wall?limit=500"), request("GET", "links"), request("GET", "sharing")]);
    this.#me = me;
    const hung = wall.pictures.find((one) => one.image_id === this.#image.id);
    const own = links.filter((link) => link.image_id === this.#image.id);
    const close = make("button", { type: "button", class: "icon-button", "aria-label": "Close", title: "Close", onclick: () => this.#dialog.close() }, icon("close"));
    fillWith(
      this.#dialog,
      make("div", { class: "share-head" }, make("h2", {}, "Share this picture"), close),
      me.accounts ? this.#wallPart(hung) : null,
      this.#linkPart(own, sharing),
    );
  }

  #wallPart(hung) {
    const prompt = tick("Show how it was made", hung ? hung.shows_prompt : true);
    const put = () => request("POST", "wall", { image_id: this.#image.id, show_prompt: prompt.input.checked });
    if (hung) prompt.input.addEventListener("change", () => this.#do(put, prompt.input.checked ? "The wall shows how it was made" : "The wall shows the picture alone"));
    return make(
      "section",
      {},
      make("h3", {}, "The wall"),
      make("p", { class: "muted small" }, "Everybody who is logged in sees it there."),
      prompt.element,
      hung
        ? button("Take it down", () => this.#do(() => request("DELETE", `wall/${hung.id}`), "It hangs on the wall no more"))
        : button("Hang it on the wall", () => this.#do(put, "It hangs on the wall"), "primary"),
    );
  }

  #linkPart(links, sharing) {
    const guest = this.#me.accounts && this.#me.role === "guest";
    const prompt = tick("Show how it was made", false);
    const hours = select("hours", HOURS, "168");
    const make_ = async () => {
      const link = await request("POST", "links", { image_id: this.#image.id, hours: hours.value ? Number(hours.value) : null, show_prompt: prompt.input.checked });
      await copyAndSay(linkTo(link, sharing), "The link");
    };
    const rows = links.map((link) =>
      row(
        [link.shows_prompt ? "With its prompt" : "The picture alone", make("small", { class: "muted" }, until(link))],
        button("Copy", () => copyAndSay(linkTo(link, sharing), "The link"), "quiet"),
        make("a", { class: "button quiet", href: link.path, target: "_blank", rel: "noopener" }, "Open"),
        button("Withdraw", () => this.#do(() => request("DELETE", `links/${link.id}`), "The link leads nowhere any more"), "quiet danger"),
      ),
    );
    return make(
      "section",
      {},
      make("h3", {}, "A link"),
      make("p", { class: "muted small" }, guest ? "Guests make no links. Ask somebody with an account." : sharing.addresses.length || location.protocol === "https:" ? "Whoever has it sees this picture without a login, and nothing else." : "Whoever has it and reaches this machine sees this picture without a login, and nothing else."),
      guest ? null : make("div", { class: "share-link" }, field("Good for", hours), prompt.element, button("Make a link", () => this.#do(make_, ""), "primary")),
      rows.length ? list(rows, "") : null,
    );
  }

  async #do(action, words) {
    try {
      await action();
      if (words) toast(words);
      await this.#draw();
    } catch (error) {
      toast(error.message, { kind: "error" });
    }
  }
}

function tick(words, checked) {
  const input = make("input", { type: "checkbox", checked });
  return { input, element: make("label", { class: "card-tick" }, input, make("span", {}, words)) };
}
