// One's own account: password, sessions, API keys.

import { request } from "./api.js";
import { button, card, field, form, list, row } from "./cards.js";
import { copyAndSay } from "./clipboard.js";
import { make } from "./dom.js";
import { ask } from "./question.js";
import { toast } from "./toasts.js";
import { dateTime } from "./words.js";

const ROLES = { admin: "You look after the studio and its people.", member: "You have an account of your own.", guest: "You are a guest: your pictures stay until the invitation ends." };

export function accountCard(me) {
  if (!me.accounts) {
    return card(
      "account-card",
      "You",
      make("p", {}, "Nobody has an account: this studio belongs to whoever sits at this machine."),
      make("p", { class: "muted" }, "To share it with others, make the first account in a terminal. It takes over all that is here."),
      make("code", { class: "block-code" }, "studio users add NAME"),
    );
  }
  return card(
    "account-card",
    me.name,
    make("p", { class: "muted" }, ROLES[me.role]),
    me.role === "guest" ? null : passwordForm(me),
    make("div", { class: "card-buttons" }, button("Log out", logOut), me.role === "guest" ? null : button("Log out everywhere", logOutEverywhere)),
  );
}

function passwordForm(me) {
  const change = async ({ current, password }) => {
    await request("PUT", `people/${encodeURIComponent(me.name)}/password`, { current, password });
    location.assign(new URL("login", document.baseURI));
  };
  return make(
    "details",
    {},
    make("summary", {}, "Change the password"),
    form(
      [
        make("input", { type: "text", name: "username", value: me.name, autocomplete: "username", hidden: true }),
        field("Password of now", make("input", { type: "password", name: "current", autocomplete: "current-password", required: true })),
        field("New password", make("input", { type: "password", name: "password", autocomplete: "new-password", minlength: 8, maxlength: 200, required: true }), "At least 8 characters. You log in again with it, on every device."),
      ],
      "Change",
      change,
    ),
  );
}

function logOut() {
  const leaving = make("form", { method: "post", action: new URL("logout", document.baseURI).href, hidden: true });
  document.body.append(leaving);
  leaving.submit();
}

async function logOutEverywhere() {
  const sure = await ask("Log out everywhere?", "You log in again on every device, on this one too. API keys stay.", "Log out everywhere", { no: "Stay" });
  if (!sure) return;
  try {
    await request("DELETE", "me/sessions");
    location.assign(new URL("login", document.baseURI));
  } catch (error) {
    toast(error.message, { kind: "error" });
  }
}

export function keysCard(keys, made, again) {
  const rows = keys.map((key) =>
    row([make("strong", {}, key.name), make("small", { class: "muted" }, `since ${dateTime(key.created_at)}`)], button("Remove", () => removeKey(key, again), "quiet danger")),
  );
  return card(
    "keys-card",
    "API keys",
    make("p", { class: "muted" }, "For programs, instead of your password."),
    made ? shownOnce(made) : null,
    list(rows, "You have none."),
    form(
      [field("What for", make("input", { name: "name", maxlength: 80, required: true, autocomplete: "off", placeholder: "the display in the kitchen" }))],
      "Make a key",
      async ({ name }) => again({ key: await request("POST", "keys", { name }) }),
    ),
  );
}

function shownOnce(key) {
  return make(
    "div",
    { class: "once", role: "status" },
    make("p", {}, `The key “${key.name}” is shown only now:`),
    make("code", { class: "block-code" }, key.key),
    button("Copy", () => copyAndSay(key.key, "The key")),
  );
}

async function removeKey(key, again) {
  const sure = await ask("Remove this key?", `Programs that use “${key.name}” get in no more.`, "Remove", { no: "Keep it" });
  if (!sure) return;
  try {
    await request("DELETE", `keys/${key.id}`);
    await again({ key: null });
  } catch (error) {
    toast(error.message, { kind: "error" });
  }
}
