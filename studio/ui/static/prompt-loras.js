// The LoRAs named in a prompt's text, and the text with one added, changed or taken out. The text is the only truth.

const NAMED = /<(lora|lyco):([^:<>]+)((?::[^:<>]*)*)>/gi;

/** Each LoRA in order: where it stands, its name, and what UNet and text encoders take of it (null: not a number). */
export function lorasIn(text) {
  return [...text.matchAll(NAMED)].map((match) => {
    const [whole, kind, name, rest] = match;
    const given = rest.split(":").slice(1).map((one) => one.trim());
    const named = Object.fromEntries(given.filter((one) => one.includes("=")).map((one) => one.split("=").map((part) => part.trim().toLowerCase())));
    const plain = given.filter((one) => !one.includes("="));
    const textWeight = number(named.te ?? plain[0] ?? "1");
    const unetWeight = plain.length > 1 ? number(plain[1]) : named.unet === undefined ? textWeight : number(named.unet);
    return { start: match.index, end: match.index + whole.length, kind, name: name.trim(), textWeight, unetWeight };
  });
}

export function withLora(text, name, weight = 1) {
  const kept = text.trimEnd();
  return `${kept}${kept ? " " : ""}${written("lora", name, weight, weight)}`;
}

export function withoutLora(text, index) {
  const found = lorasIn(text)[index];
  if (!found) return text;
  const before = text.slice(0, found.start);
  const after = text.slice(found.end);
  // One space goes with it, so that taking out what was put in gives the text there was.
  return before.endsWith(" ") ? before.slice(0, -1) + after : before + after.replace(/^ /, "");
}

export function withWeights(text, index, unetWeight, textWeight) {
  const found = lorasIn(text)[index];
  if (!found) return text;
  return text.slice(0, found.start) + written(found.kind, found.name, unetWeight, textWeight) + text.slice(found.end);
}

/** Words go before the LoRAs that the prompt ends with. */
export function withWords(text, words) {
  const [, kept, tail] = /^(.*?)((?:\s*<(?:lora|lyco):[^<>]*>)*\s*)$/is.exec(text);
  const before = kept.trimEnd().replace(/,$/, "");
  return `${before}${before ? ", " : ""}${words}${tail.trim() ? ` ${tail.trim()}` : ""}`;
}

export const shown = (weight) => (weight === null ? "?" : String(Math.round(weight * 100) / 100));

function written(kind, name, unetWeight, textWeight) {
  const [unet, text] = [shown(unetWeight), shown(textWeight)];
  return unet === text ? `<${kind}:${name}:${unet}>` : `<${kind}:${name}:${text}:${unet}>`;
}

function number(text) {
  const found = text === "" ? NaN : Number(text);
  return Number.isFinite(found) ? found : null;
}
