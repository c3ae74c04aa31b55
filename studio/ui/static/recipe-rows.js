// A picture's recipe as lines of name and value, for reading; what goes without saying is left out.

import { ADJUSTMENTS } from "./adjust.js";
import { dateTime } from "./words.js";

export function recipeRows(image) {
  const recipe = image.recipe ?? {};
  const rows = [["Prompt", image.prompt || "none", "long"]];
  if (image.negative_prompt) rows.push(["Negative prompt", image.negative_prompt, "long"]);
  for (const [name, label] of [["prompt", "Template"], ["negative_prompt", "Negative template"]]) {
    if (recipe.templates?.[name]) rows.push([label, recipe.templates[name], "long"]);
  }
  const drawn = recipe.mode !== "finish" || Boolean(recipe.hires_width_px);
  if (drawn) {
    rows.push(
      ["Checkpoint", image.checkpoint || null],
      ["Sampler", [image.sampler, recipe.schedule].filter(Boolean).join(", ") || null],
      ["Steps", image.steps],
      ["Guidance", recipe.guidance_scale],
      ["Seed", image.seed],
    );
  }
  if (drawn && runAs(recipe)) rows.push(["Run as", runAs(recipe)]);
  rows.push(
    ["Size", `${image.width_px} × ${image.height_px}`],
  );
  if (recipe.variation_strength > 0) rows.push(["Variation", `${recipe.variation_seed} at ${recipe.variation_strength}`]);
  if (recipe.seed_resize_width_px) rows.push(["Seed from size", `${recipe.seed_resize_width_px} × ${recipe.seed_resize_height_px}`]);
  if (recipe.varied_by) rows.push(["Varied", recipe.varied_by]);
  if (recipe.clip_skip > 1) rows.push(["Clip skip", recipe.clip_skip]);
  if (recipe.noise === "philox") rows.push(["Noise source", "Philox"]);
  if (recipe.emphasis && recipe.emphasis !== "original") rows.push(["Emphasis", recipe.emphasis.replace("_", " ")]);
  if (recipe.exact) rows.push(["Exact", "yes"]);
  rows.push(...sourceRows(recipe));
  for (const [name, value] of Object.entries(image.notes ?? {})) rows.push([name, value]);
  if (image.created_at) rows.push(["Made", dateTime(image.created_at)]);
  return rows.filter(([, value]) => value !== undefined && value !== null);
}

/** What the checkpoint's card said of its network then, against its file. */
function runAs({ prediction, zero_snr: zeroSnr = null }) {
  const snr = zeroSnr === null ? "" : zeroSnr ? "zero SNR" : "without zero SNR";
  return [prediction === "v_prediction" ? "v-prediction" : prediction, snr].filter(Boolean).join(", ");
}

function sourceRows(recipe) {
  const rows = [];
  if (recipe.mode === "image" || recipe.mode === "inpaint") rows.push(["Denoising strength", recipe.denoising_strength]);
  if (recipe.mode === "inpaint") rows.push(["Inpainted", recipe.inpaint_area === "masked" ? "only what is masked" : "the whole picture"]);
  if (recipe.hires_width_px) rows.push(["Second pass", `${recipe.hires_width_px} × ${recipe.hires_height_px}, ${recipe.hires_upscaler}, ${recipe.hires_denoising_strength}`]);
  if (recipe.upscale > 1 && recipe.upscaler !== "None") rows.push(["Enlarged", `${recipe.upscale} times, ${recipe.upscaler}`]);
  for (const name of ADJUSTMENTS) if (recipe[name]) rows.push([name[0].toUpperCase() + name.slice(1), recipe[name]]);
  if (recipe.tiling && recipe.tiling !== "off") rows.push(["Seamless", recipe.tiling]);
  return rows;
}
