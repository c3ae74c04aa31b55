// Ctrl+Up and Ctrl+Down in a prompt make the selected words, or those at the caret, count for more or less.

const STEP = 0.1;
const WEIGHTED = /^\((.*):([\d.]+)\)$/s;

/** The text with the part from start to end weighted by step more, and where that part is afterwards. */
export function weighted(text, start, end, direction) {
  let [from, to] = start === end ? wordAt(text, start) : [start, end];
  while (from < to && /\s/.test(text[from])) from += 1;
  while (to > from && /\s/.test(text[to - 1])) to -= 1;
  if (from === to) return null;
  [from, to] = around(text, from, to);
  const found = WEIGHTED.exec(text.slice(from, to));
  const inner = found ? found[1] : text.slice(from, to);
  const weight = Math.max(0, Math.round(((found ? Number(found[2]) : 1) + direction * STEP) * 100) / 100);
  const replaced = weight === 1 ? inner : `(${inner}:${weight})`;
  return { text: text.slice(0, from) + replaced + text.slice(to), start: from, end: from + replaced.length };
}

function wordAt(text, caret) {
  let [from, to] = [caret, caret];
  while (from > 0 && !/[\s,()]/.test(text[from - 1])) from -= 1;
  while (to < text.length && !/[\s,():]/.test(text[to])) to += 1;
  return [from, to];
}

function around(text, from, to) {
  const tail = /^:[\d.]+\)/.exec(text.slice(to));
  return text[from - 1] === "(" && tail ? [from - 1, to + tail[0].length] : [from, to];
}

export function weighByKeys(event) {
  if (!(event.ctrlKey || event.metaKey) || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  const area = event.target;
  if (!area.closest?.("#field-prompt, #field-negative_prompt")) return;
  event.preventDefault();
  const changed = weighted(area.value, area.selectionStart, area.selectionEnd, event.key === "ArrowUp" ? 1 : -1);
  if (!changed) return;
  area.value = changed.text;
  area.dispatchEvent(new Event("input", { bubbles: true }));
  area.setSelectionRange(changed.start, changed.end);
}
