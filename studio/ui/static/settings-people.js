// For admins: guests, who come by link, QR code or PIN; and everybody with an account.

import { request } from "./api.js";
import { button, card, field, form, list, qrCode, row, select } from "./cards.js";
import { copyAndSay } from "./clipboard.js";
import { make } from "./dom.js";
import { ask } from "./question.js";
import { toast } from "./toasts.js";
import { dateTime } from "./words.js";

const HOURS = [["2", "2 hours"], ["12", "12 hours"], ["24", "a day"], ["72", "3 days"], ["168", "a week"], ["720", "30 days"]];
const ROLES = [["member", "member"], ["guest", "guest"], ["admin", "admin"]];

export function guestsCard(invitations, sharing, made, again) {
  const addresses = sharing.addresses.map(({ address }) => [address, address]);
  const rows = invitations.map((one) => row(`Good until ${dateTime(one.expires_at)}`, button("Withdraw", () => act(() => again({ invitation: null }), "DELETE", `invitations/${one.id}`), "quiet danger")));
  return card(
    "guests-card",
    "Guests",
    make("p", { class: "muted" }, "Guests come by a link, its QR code or a PIN, make pictures of their own, and are gone when the invitation ends."),
    made ? invitation(made) : null,
    form(
      [
        make(
          "div",
          { class: "card-fields" },
          field("Good for", select("hours", HOURS, "24")),
          addresses.length > 1 ? field("By the address", select("address", addresses, addresses[0][0])) : null,
        ),
      ],
      "Invite guests",
      async ({ hours, address = addresses[0]?.[0] ?? "" }) => again({ invitation: await request("POST", "invitations", { hours: Number(hours), address }) }),
    ),
    list(rows, "No invitation is open."),
  );
}

function invitation(made) {
  return make(
    "div",
    { class: "once invitation", role: "status" },
    qrCode(made.qr),
    make(
      "div",
      {},
      make("p", {}, "Shown only now. Scan it, send the link, or tell the PIN:"),
      make("p", { class: "pin" }, `${made.pin.slice(0, 4)} ${made.pin.slice(4)}`),
      make("p", { class: "muted small" }, `at ${made.link.split("?")[0]}, until ${dateTime(made.expires_at)}`),
      button("Copy the link", () => copyAndSay(made.link, "The link")),
    ),
  );
}

export function peopleCard(people, me, again) {
  return card(
    "people-card",
    "People",
    list(people.map((person) => personRow(person, me, again)), ""),
    make(
      "details",
      {},
      make("summary", {}, "Add somebody"),
      form(
        [
          field("Name", make("input", { name: "name", maxlength: 40, required: true, autocomplete: "off" })),
          field("Password", make("input", { name: "password", type: "password", minlength: 8, maxlength: 200, required: true, autocomplete: "new-password" }), "At least 8 characters; they can change it."),
          field("Role", select("role", ROLES, "member")),
        ],
        "Add",
        async (body) => {
          await request("POST", "people", body);
          await again();
        },
      ),
    ),
  );
}

function personRow(person, me, again) {
  const ends = person.expires_at ? `until ${dateTime(person.expires_at)}` : `since ${dateTime(person.created_at)}`;
  const words = [make("strong", {}, person.name), make("small", { class: "muted" }, person.name === me.name ? "you" : ends)];
  const path = `people/${encodeURIComponent(person.name)}`;
  const role = select("role", ROLES, person.role);
  role.setAttribute("aria-label", `Role of ${person.name}`);
  role.addEventListener("change", () => act(again, "PUT", `${path}/role`, { role: role.value }));
  if (person.name === me.name) return row(words, make("span", { class: "muted" }, person.role));
  return row(words, role, button("Password", () => newPassword(person, path), "quiet"), button("Remove", () => remove(person, path, again), "quiet danger"));
}

async function remove(person, path, again) {
  const sure = await ask(`Remove ${person.name}?`, "The account goes, with its keys, sessions and what it shared. Pictures stay on the disk.", "Remove", { no: "Keep" });
  if (sure) await act(again, "DELETE", path);
}

function newPassword(person, path) {
  const dialog = document.querySelector("#naming");
  const send = async ({ password }) => {
    await request("PUT", `${path}/password`, { password });
    dialog.close();
    toast(`${person.name} has another password now`);
  };
  const fields = [field("New password", make("input", { name: "password", type: "password", minlength: 8, maxlength: 200, required: true, autocomplete: "new-password", autofocus: true }), "Their sessions end.")];
  dialog.replaceChildren(make("h2", {}, `A new password for ${person.name}`), form(fields, "Set it", send));
  dialog.querySelector(".card-submit").prepend(button("Cancel", () => dialog.close()));
  dialog.setAttribute("aria-label", `A new password for ${person.name}`);
  dialog.showModal();
}

async function act(again, method, path, body) {
  try {
    await request(method, path, body);
  } catch (error) {
    toast(error.message, { kind: "error" });
  }
  await again();
}
