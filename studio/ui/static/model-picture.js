// A picture put on the card of the checkpoint that made it, or of a LoRA it wears: for those who keep the models.

import { request } from "./api.js";
import { make } from "./dom.js";
import { icon } from "./icons.js";
import { toast } from "./toasts.js";

const MOST = 5;

export function modelPictureButtons(studio, image) {
  const { checkpoint, checkpoint_sha256: sha256, adapters = [] } = image.recipe ?? {};
  if (!studio.me?.keeps_models || image.binned) return null;
  const models = [{ name: checkpoint, sha256 }, ...adapters].filter((one) => one.sha256).slice(0, MOST);
  return models.map(({ name, sha256: hash }) => make("button", { type: "button", class: "button viewer-keep", onclick: (event) => put(studio, image, name, hash, event.currentTarget) }, icon("image"), `Use as picture of ${name}`));
}

async function put(studio, image, name, sha256, button) {
  button.disabled = true;
  try {
    const { models } = await request("GET", `models?kind=all&query=${sha256}`);
    if (!models.length) throw new Error(`${name} is no longer there.`);
    const found = models.find((model) => model.name === name) ?? models[0];
    studio.models.changed(await request("PUT", `models/${found.id}/picture`, { image_id: image.id }));
    toast(`${name} shows this picture now`);
  } catch (error) {
    toast(error.message, { kind: "error" });
  }
  button.disabled = false;
}
