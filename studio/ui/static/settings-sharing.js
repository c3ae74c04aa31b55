// How the studio is shared: by which addresses others come, what is open, and links to single pictures.

import { request } from "./api.js";
import { button, card, list, qrCode, row } from "./cards.js";
import { copyAndSay } from "./clipboard.js";
import { make } from "./dom.js";
import { thumbnailOf } from "./pictures.js";
import { linkTo, until } from "./share.js";
import { toast } from "./toasts.js";

export function networkCard(sharing, me) {
  const [first, ...others] = sharing.addresses;
  if (!first) {
    return card(
      "network-card",
      "On the network",
      make("p", {}, "Only this machine reaches this studio."),
      make("p", { class: "muted" }, me.accounts ? "To reach it from a phone or another computer, start it so:" : "To reach it from a phone or another computer, make an account and start it so:"),
      make("code", { class: "block-code" }, "studio serve --host 0.0.0.0 --tls auto"),
    );
  }
  return card(
    "network-card",
    "On the network",
    make(
      "div",
      { class: "address" },
      qrCode(first.qr),
      make(
        "div",
        {},
        make("p", {}, make("strong", {}, first.address)),
        ...others.map(({ address }) => make("p", { class: "muted small" }, `also ${address}`)),
        button("Copy the address", () => copyAndSay(first.address, "The address")),
      ),
    ),
    make("ul", { class: "facts" }, facts(sharing).map(([kind, words]) => make("li", { "data-kind": kind }, words))),
    sharing.fingerprint
      ? make("details", {}, make("summary", {}, "Fingerprint of the certificate"), make("p", { class: "muted small" }, "Browsers warn once, because the studio made it itself. Go on if they show this one (SHA-256):"), make("code", { class: "block-code" }, sharing.fingerprint))
      : null,
  );
}

function facts({ login, tls, invitations = 0, links = 0 }) {
  return [
    login ? ["good", "Everybody logs in."] : ["warn", "It is open: whoever reaches the address uses the studio, and sees every picture."],
    tls ? ["good", "What travels is encrypted (TLS)."] : ["warn", "What travels can be read along on this network: start it with --tls auto."],
    invitations ? ["plain", `${invitations === 1 ? "One invitation is" : `${invitations} invitations are`} open.`] : null,
    links ? ["plain", `${links === 1 ? "One link shows a picture" : `${links} links show pictures`} to whoever has it.`] : null,
  ].filter(Boolean);
}

export function linksCard(own, others, sharing, again) {
  const rows = own.map((link) => {
    const words = [make("img", { class: "row-picture", src: thumbnailOf(link.image_id), alt: "", loading: "lazy" }), make("span", {}, link.shows_prompt ? "with its prompt" : "the picture alone", make("small", { class: "muted" }, until(link)))];
    return row(words, button("Copy", () => copyAndSay(linkTo(link, sharing), "The link"), "quiet"), button("Withdraw", () => withdraw(link, again), "quiet danger"));
  });
  const theirs = others.map((link) => row(["A link of ", make("strong", {}, link.by), make("small", { class: "muted" }, until(link))], button("Withdraw", () => withdraw(link, again), "quiet danger")));
  return card(
    "links-card",
    "Links to pictures",
    make("p", { class: "muted" }, "Whoever has such a link sees this one picture without a login. You make one in the full view of a picture, by “Share”."),
    list([...rows, ...theirs], "There are none."),
  );
}

async function withdraw(link, again) {
  try {
    await request("DELETE", `links/${link.id}`);
  } catch (error) {
    toast(error.message, { kind: "error" });
  }
  await again();
}
