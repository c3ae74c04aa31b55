// Ctrl+Up and Ctrl+Down in a prompt make the selected words, or what is at the caret, count for more or less. As in
// A1111: the caret stands for the <…>, (…) or […] around it, else for its word; (((x))) becomes one weight; 1 is none.

import { replaceIn } from "./typing.js";

const STEP = 0.1;
const NETWORK_STEP = 0.05;
const MOST = 10;
const BLOCKS = ["<>", "()", "[]"];
const IN_A_WORD = /[^\s.,\\/!?%^*;:{}=`~()<>[\]|]/;

/** The change that weighs the part from start to end by a step: what to replace by what, and what is selected then. */
export function weighted(text, start, end, direction) {
  let [from, to] = start === end ? atCaret(text, start) : trimmed(text, start, end);
  if (from === to) return null;
  if (text[from] === "<" && text[to - 1] === ">") [from, to] = [from + 1, to - 1];
  if (text[from - 1] === "<") return network(text, from, to, direction);
  if (text[from] === "(" && text[to - 1] === ")" && closes(text, from) === to - 1) [from, to] = [from + 1, to - 1];
  const colon = /:\s*([-+]?(?:\d+\.?\d*|\.\d+))\s*$/.exec(text.slice(from, to));
  if (text[from - 1] === "(" && text[to] === ")" && colon) return changed(from - 1, to + 1, text.slice(from, from + colon.index), Number(colon[1]), direction);
  const after = /^:\s*([-+]?(?:\d+\.?\d*|\.\d+))\s*\)/.exec(text.slice(to));
  if (text[from - 1] === "(" && after) return changed(from - 1, to + after[0].length, text.slice(from, to), Number(after[1]), direction);
  const [deep, weight] = emphasis(text, from, to);
  return changed(from - deep, to + deep, text.slice(from, to), weight, direction);
}

/** Brackets right around a part, how many and what they weigh together. */
function emphasis(text, from, to) {
  const opener = text[from - 1];
  const closer = { "(": ")", "[": "]" }[opener];
  let deep = 0;
  while (closer && text[from - deep - 1] === opener && text[to + deep] === closer) deep += 1;
  const weight = opener === "[" ? 1 / 1.1 ** deep : 1.1 ** deep;
  return [deep, Math.round(weight / STEP) * STEP];
}

function changed(from, to, words, before, direction) {
  const weight = rounded(before + direction * STEP);
  const text = weight === 1 ? words : `(${words}:${weight})`;
  const at = weight === 1 ? from : from + 1;
  return { from, to, text, selection: [at, at + words.length] };
}

/** <lora:name:0.8>: every weight it has changes, and one that has none gets one. */
function network(text, from, to, direction) {
  const end = text.indexOf(">", from);
  const parts = text.slice(from, end < 0 ? to : end).split(":");
  if (end < 0 || parts.length < 2) return null;
  const weights = parts.slice(2).map((one) => (/^\s*[-+]?(\d+\.?\d*|\.\d+)\s*$/.test(one) ? String(rounded(Number(one) + direction * NETWORK_STEP)) : one));
  if (!weights.length) weights.push(String(rounded(1 + direction * NETWORK_STEP)));
  const inside = [...parts.slice(0, 2), ...weights].join(":");
  return { from, to: end, text: inside, selection: [from, from + inside.length] };
}

const rounded = (weight) => Math.min(MOST, Math.max(-MOST, Math.round(weight * 100) / 100));

function trimmed(text, start, end) {
  while (start < end && /\s/.test(text[start])) start += 1;
  while (end > start && /\s/.test(text[end - 1])) end -= 1;
  return [start, end];
}

function atCaret(text, caret) {
  for (const [opener, closer] of BLOCKS) {
    const from = text.lastIndexOf(opener, caret - 1);
    const to = text.indexOf(closer, caret);
    if (from < 0 || to < 0) continue;
    const between = text.slice(from + 1, to);
    if (!between.includes(opener) && !between.includes(closer) && text[from - 1] !== "\\") return [from + 1, to];
  }
  let [from, to] = [caret, caret];
  while (from > 0 && IN_A_WORD.test(text[from - 1])) from -= 1;
  while (to < text.length && IN_A_WORD.test(text[to])) to += 1;
  return [from, to];
}

/** The index of the bracket that closes the one at an index, or -1. */
function closes(text, at) {
  let deep = 0;
  for (let index = at; index < text.length; index += 1) {
    if (text[index] === "\\") index += 1;
    else if (text[index] === "(") deep += 1;
    else if (text[index] === ")" && (deep -= 1) === 0) return index;
  }
  return -1;
}

export function weighByKeys(event) {
  if (!(event.ctrlKey || event.metaKey) || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  const area = event.target;
  if (!area.closest?.("#field-prompt, #field-negative_prompt, #field-hires_prompt, #field-hires_negative_prompt")) return;
  event.preventDefault();
  const change = weighted(area.value, area.selectionStart, area.selectionEnd, event.key === "ArrowUp" ? 1 : -1);
  if (change) replaceIn(area, change.from, change.to, change.text, change.selection);
}
