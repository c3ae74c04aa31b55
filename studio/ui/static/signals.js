// Tells that pictures are done: by a sound, and by a notice of the browser while the page is out of sight, as the
// person likes it.

import { likings } from "./likings.js";
import { isActive, pictures as countOf } from "./words.js";

const TONES_HZ = [660, 880];
const TONE_S = 0.16;
const LOUDNESS = 0.08;

let sounds = null;

/** What stands in the way of notices here, in words; empty when nothing does. */
export function noticeProblem() {
  if (!("Notification" in window)) return window.isSecureContext ? "This browser shows no notices." : "Browsers show notices only over https, or on this machine.";
  return Notification.permission === "denied" ? "This browser was told not to show notices of this page." : "";
}

/** Asks the browser for permission; answers whether it was given. */
export async function allowNotices() {
  return !noticeProblem() && (Notification.permission === "granted" || (await Notification.requestPermission()) === "granted");
}

export function playSound() {
  sounds ??= new AudioContext();
  for (const [place, tone] of TONES_HZ.entries()) {
    const [from, until] = [sounds.currentTime + place * TONE_S, sounds.currentTime + (place + 1.6) * TONE_S];
    const [voice, volume] = [sounds.createOscillator(), sounds.createGain()];
    voice.frequency.value = tone;
    volume.gain.setValueAtTime(LOUDNESS, from);
    volume.gain.exponentialRampToValueAtTime(0.0001, until);
    voice.connect(volume).connect(sounds.destination);
    voice.start(from);
    voice.stop(until);
  }
}

export function startSignals(feed) {
  // browsers let a page sound only after somebody has used it
  document.addEventListener("pointerdown", () => likings.get("sound") && (sounds ??= new AudioContext()), { once: true });
  feed.addEventListener("job", ({ detail: { job, before } }) => {
    if (!before || !isActive(before) || isActive(job) || job.state === "cancelled" || feed.active().length) return;
    if (likings.get("sound")) playSound();
    if (likings.get("notices") && document.hidden && !noticeProblem() && Notification.permission === "granted") notify(job);
  });
}

function notify(job) {
  const words = job.state === "done" ? `${countOf(job.done)} done` : "That did not work";
  const notice = new Notification(words, { body: job.recipe.prompt.slice(0, 120), tag: "latent-studio" });
  notice.onclick = () => {
    window.focus();
    notice.close();
  };
}
