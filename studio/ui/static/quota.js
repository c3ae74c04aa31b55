// What one may order, in words: all of it on the Queue page, and under Generate what is close to its end.

import { make } from "./dom.js";

const CLOSE = 0.5;
const FAR_OFF = 200; // a limit beyond it is a safeguard, and no news until it is close

const limits = (quota) =>
  quota
    ? [
        [quota.pictures_per_hour, "pictures this hour"],
        [quota.waiting_pictures, "pictures that may wait"],
      ].filter(([limit]) => limit.most)
    : [];

export function quotaWords(quota) {
  const shown = limits(quota).filter(([{ used, most }]) => most <= FAR_OFF || used >= CLOSE * most);
  return shown.map(([{ used, most }, words]) => {
    const share = Math.min(1, used / most);
    const bar = make("span", { class: "quota-bar", "aria-hidden": true }, make("i", { style: `width: ${100 * share}%` }));
    return make("p", { class: `quota${share >= 0.8 ? " close" : ""}` }, bar, `${used} of ${most} ${words}`);
  });
}

export function quotaHint(quota) {
  const close = limits(quota).filter(([{ used, most }]) => used >= CLOSE * most);
  return close.map(([{ used, most }, words]) => `${used} of ${most} ${words}`).join(" · ");
}
