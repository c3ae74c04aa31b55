// What could be completed at the caret of a prompt, and what it becomes. No page in here.

const MOST = 12;

/** The unfinished thing before the caret: its kind, where it begins, and what of it is typed; null where there is none. */
export function openAt(text, caret) {
  const before = text.slice(0, caret);
  const line = before.slice(before.lastIndexOf("\n") + 1);
  if (/#/.test(line)) return null; // a comment
  const network = /<([^<>\n]*)$/.exec(before);
  if (network) return openNetwork(network);
  const wildcard = openWildcard(before);
  if (wildcard) return wildcard;
  const preset = /(?:^|[\s,])\/([\p{L}\p{N} _-]{0,40})$/u.exec(before);
  if (preset) return { kind: "preset", from: caret - preset[1].length - 1, query: preset[1] };
  const word = /[\p{L}\p{N}_.-]{2,}$/u.exec(before);
  return word ? { kind: "embedding", from: word.index, query: word[0] } : null;
}

/** "<", "<lor", "<lora:in" and "<in" all begin a LoRA; one whose weight is being typed needs no offers. */
function openNetwork({ index, 1: inside }) {
  const named = /^(?:lora|lyco):([^:]*)$/i.exec(inside);
  if (named) return { kind: "lora", from: index, query: named[1] };
  if ("lora:".startsWith(inside.toLowerCase())) return { kind: "lora", from: index, query: "" };
  return /^[\p{L}\p{N}][^:]*$/u.test(inside) ? { kind: "lora", from: index, query: inside } : null;
}

/** Two underscores that no others have closed yet. */
function openWildcard(before) {
  const rest = before.replace(/\\./gs, "  ").replace(/__[~@!]?(?!_)[\p{L}\p{N}_*?./-](?:[\p{L}\p{N}_ *?./-]*?[\p{L}\p{N}_*?./-])??__/gu, (closed) => " ".repeat(closed.length));
  const open = /__([~@!]?)((?!_)[\p{L}\p{N}*?./-][\p{L}\p{N}_ *?./-]*)?$/u.exec(rest);
  return open ? { kind: "wildcard", from: open.index + 2 + open[1].length, query: open[2] ?? "" } : null;
}

/** The offers that a query may mean, the best first: those that begin with it, then those with a part that does. */
export function matching(offers, query) {
  const wanted = query.trim().toLowerCase();
  const rank = ({ name, also = "" }) => {
    const known = name.toLowerCase();
    if (known.startsWith(wanted)) return 0;
    if (known.split(/[\s_./-]+/).some((part) => part.startsWith(wanted))) return 1;
    return known.includes(wanted) || also.toLowerCase().includes(wanted) ? 2 : 3;
  };
  const ranked = offers.map((offer) => [rank(offer), offer]).filter(([place]) => place < 3);
  return ranked.sort(([one, a], [other, b]) => one - other || a.name.localeCompare(b.name)).map(([, offer]) => offer).slice(0, MOST);
}

/** What is written in place of the text from `from` to the caret; what stands behind the caret is not doubled. */
export function written({ kind }, offer, behind) {
  if (kind === "lora") return `<lora:${offer.name}:${offer.weight ?? 1}${behind.startsWith(">") ? "" : ">"}`;
  if (kind === "wildcard") return behind.startsWith("__") ? offer.name : `${offer.name}__`;
  return kind === "preset" ? "" : offer.name;
}
