// Backups, for those who look after the studio: where they go, how the last one went, and one made now.

import { request } from "./api.js";
import { button, card, list, row } from "./cards.js";
import { make } from "./dom.js";
import { toast } from "./toasts.js";

const ASKS_EVERY_MS = 1000;
const SHOWN = 5;
const STAMP = /^(\d{4})-(\d\d)-(\d\d)_(\d\d)(\d\d)(\d\d)/;

/** The card, which keeps itself fresh while a backup is made: drawing the whole page again would lose what is typed. */
export function backupsCard(told) {
  const drawn = card("backups-card", "Backups", told.folder ? backups(told, () => backUp(drawn)) : howTo());
  if (told.running) setTimeout(() => refresh(drawn), ASKS_EVERY_MS);
  return drawn;
}

function howTo() {
  return [
    make("p", {}, "None are made. Name a folder in settings.toml, best on another drive, and start the studio again:"),
    make("code", { class: "block-code" }, 'backup_folder = "/mnt/other-drive/studio"\nbackup_hours = 24'),
  ];
}

function backups({ backups: names, every_hours, folder, last, problem, running }, run) {
  const now = button(running ? "Backing up…" : "Back up now", run);
  now.disabled = running;
  const more = names.length - SHOWN;
  return [
    make("p", { class: "muted" }, `Made ${every_hours ? `every ${hours(every_hours)}` : "when asked"}, into ${folder}`),
    list(names.slice(0, SHOWN).map((name) => row([time(name)])), running ? "The first one is being made." : "There are none yet."),
    more > 0 ? make("p", { class: "muted small" }, `and ${more} older`) : null,
    problem ? make("p", { class: "field-error", role: "alert" }, `The last one failed. ${problem}`) : null,
    last && !problem ? make("p", { class: "muted small", role: "status" }, `The last one: ${last}`) : null,
    make("div", { class: "card-submit" }, now),
  ];
}

async function backUp(drawn) {
  try {
    await request("POST", "backups");
  } catch (error) {
    toast(error.message, { kind: "error" });
  }
  await refresh(drawn);
}

async function refresh(drawn) {
  if (!drawn.isConnected) return;
  try {
    drawn.replaceWith(backupsCard(await request("GET", "backups")));
  } catch {
    setTimeout(() => refresh(drawn), ASKS_EVERY_MS); // the studio is away for a moment
  }
}

/** When it was made, by its name. */
function time(name) {
  const found = STAMP.exec(name);
  if (!found) return name;
  const [year, month, ...rest] = found.slice(1).map(Number);
  return new Date(year, month - 1, ...rest).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

const hours = (count) => (count === 1 ? "hour" : count === 24 ? "day" : `${count} hours`);
