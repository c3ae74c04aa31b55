// Fields of a preset in words, and in the groups by which they are kept or left out.

export const GROUPS = [
  ["prompt", "Prompt", ["prompt"]],
  ["negative_prompt", "Negative prompt", ["negative_prompt"]],
  ["sampling", "Sampler, steps, guidance", ["sampler", "schedule", "steps", "guidance_scale", "eta", "eta_noise_seed_delta", "clip_skip", "emphasis", "noise", "exact"]],
  ["checkpoint", "Checkpoint", ["checkpoint", "vae"]],
  ["size", "Size", ["width_px", "height_px"]],
  ["tiling", "Seamless", ["tiling"]],
  ["second", "Second pass", /^hires_/],
  ["finish", "Finish", ["upscaler", "upscale", "brightness", "contrast", "saturation", "temperature", "sharpness"]],
  ["painting", "How it is painted over", ["denoising_strength", "resize_mode", "colour_correction", "masked_content", "inpaint_area", "masked_padding_px", "mask_invert", "mask_grow_px", "mask_blur_x_px", "mask_blur_y_px", "soft_inpainting"]],
  ["seed", "Seed", ["seed", "variation_seed", "variation_strength"]],
];

export const KEPT_AT_FIRST = ["prompt", "negative_prompt", "sampling", "tiling", "second", "finish"];

export function inGroup(members, name) {
  return Array.isArray(members) ? members.includes(name) : members.test(name);
}

export function nameOf(field) {
  const words = field.replace(/_px$/, "").replaceAll("_", " ").replace(/^hires/, "second pass:");
  return words[0].toUpperCase() + words.slice(1);
}

export function shown(value) {
  if (value === true) return "yes";
  if (value === false) return "no";
  return value === "auto" ? "automatic" : String(value);
}
