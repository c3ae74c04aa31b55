// Writes into a text field as a person would: what was there can be had back with the field's own undo.

/** Replaces the characters from start to end, and puts the selection where it is told, else behind the new text. */
export function replaceIn(area, start, end, text, selection = null) {
  area.focus();
  area.setSelectionRange(start, end);
  // insertText is the only way that keeps undo; it is missing where a browser has given it up at last.
  const typed = text ? document.execCommand?.("insertText", false, text) : document.execCommand?.("delete");
  if (!typed || area.value.slice(start, start + text.length) !== text) {
    area.setRangeText(text, start, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
  const [from, to] = selection ?? [start + text.length, start + text.length];
  area.setSelectionRange(from, to);
}

/** Puts another text in place of all there is, as one step to undo. */
export function replaceAll(area, text) {
  if (area.value !== text) replaceIn(area, 0, area.value.length, text);
}

const COPIED = ["boxSizing", "borderTopWidth", "borderRightWidth", "borderBottomWidth", "borderLeftWidth", "paddingTop", "paddingRight", "paddingBottom", "paddingLeft", "fontFamily", "fontSize", "fontWeight", "fontStyle", "letterSpacing", "lineHeight", "tabSize", "textIndent", "wordSpacing"];

/** Makes a box lay its text out exactly as the field does. */
export function layOutAs(box, area) {
  const style = getComputedStyle(area);
  for (const name of COPIED) box.style[name] = style[name];
  box.style.borderStyle = "solid";
  box.style.borderColor = "transparent";
  box.style.whiteSpace = "pre-wrap";
  box.style.overflowWrap = "break-word";
  // the width of its scroll bar is no room for words
  box.style.width = `${area.clientWidth + parseFloat(style.borderLeftWidth) + parseFloat(style.borderRightWidth)}px`;
}

/** Where the character at an index stands in the window: left, top and bottom. */
export function placeOf(area, index) {
  const box = document.createElement("div");
  const mark = document.createElement("span");
  layOutAs(box, area);
  box.style.position = "absolute";
  box.style.visibility = "hidden";
  box.textContent = area.value.slice(0, index);
  mark.textContent = area.value.slice(index) || ".";
  box.append(mark);
  document.body.append(box);
  const outer = box.getBoundingClientRect();
  const [first] = mark.getClientRects();
  box.remove();
  const place = area.getBoundingClientRect();
  const top = place.top + first.top - outer.top - area.scrollTop;
  return { left: place.left + first.left - outer.left, top, bottom: top + first.height };
}
