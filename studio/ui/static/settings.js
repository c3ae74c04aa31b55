// The Settings page: who one is, how one likes the page, and how the studio is shared. It is asked for anew each time
// that it is opened, and shows what is the person's business: people and invitations are an admin's.

import { request } from "./api.js";
import { fillWith, make } from "./dom.js";
import { icon } from "./icons.js";
import { accountCard, keysCard } from "./settings-account.js";
import { likings } from "./likings.js";
import { backupsCard } from "./settings-backups.js";
import { likingsCard, showLikings } from "./settings-likings.js";
import { guestsCard, peopleCard } from "./settings-people.js";
import { linksCard, networkCard } from "./settings-sharing.js";

export class Settings {
  #place = document.querySelector("#settings-cards");
  #asking = 0;
  news = {}; // what is seen once: a new key, an invitation

  constructor() {
    likings.addEventListener("change", () => showLikings(this.#place));
  }

  async show() {
    const asking = (this.#asking += 1);
    try {
      const me = await request("GET", "me");
      const told = await this.#ask(me);
      if (asking === this.#asking) this.#draw(me, told);
    } catch (error) {
      if (asking !== this.#asking) return;
      const again = make("button", { type: "button", class: "button", onclick: () => this.show() }, "Try again");
      fillWith(this.#place, make("p", { class: "reason", role: "alert" }, icon("alert"), make("span", {}, error.message), again));
    }
  }

  /** Leaves behind what was to be seen once. */
  leave() {
    this.news = {};
  }

  async #ask(me) {
    const isAdmin = me.accounts && me.role === "admin";
    const wanted = {
      sharing: request("GET", "sharing"),
      links: request("GET", "links"),
      keys: me.accounts && me.role !== "guest" && request("GET", "keys"),
      people: isAdmin && request("GET", "people"),
      invitations: isAdmin && request("GET", "invitations"),
      everybody: isAdmin && request("GET", "links?everybody=true"),
      backups: me.role === "admin" && request("GET", "backups"),
    };
    const answers = await Promise.all(Object.values(wanted));
    return Object.fromEntries(Object.keys(wanted).map((name, place) => [name, answers[place]]));
  }

  #draw(me, told) {
    const again = (news = {}) => {
      this.news = { ...this.news, ...news };
      return this.show();
    };
    const isAdmin = me.accounts && me.role === "admin";
    const own = [
      accountCard(me),
      likingsCard(),
      told.keys && keysCard(told.keys.keys, this.news.key, again),
    ];
    const shared = [
      networkCard(told.sharing, me),
      isAdmin && guestsCard(told.invitations.invitations, told.sharing, this.news.invitation, again),
      isAdmin && peopleCard(told.people.people, me, again),
      linksCard(told.links.links, told.everybody ? told.everybody.links.filter((link) => !link.mine) : [], told.sharing, again),
      told.backups && backupsCard(told.backups),
    ];
    fillWith(
      this.#place,
      make("div", { class: "card-column" }, own.filter(Boolean)),
      make("div", { class: "card-column" }, shared.filter(Boolean)),
    );
  }
}
