// Kinds, families and sizes of models as a person reads them.

export const KIND_TABS = [
  ["all", "All"],
  ["checkpoint", "Checkpoints"],
  ["lora", "LoRAs"],
  ["embedding", "Embeddings"],
  ["vae", "VAEs"],
  ["upscaler", "Upscalers"],
  ["controlnet", "ControlNets"],
  ["other", "Other"],
];
export const OTHER_KINDS = ["unet", "text-encoder", "unknown"];

const KINDS = {
  checkpoint: "Checkpoint", lora: "LoRA", embedding: "Embedding", vae: "VAE", upscaler: "Upscaler",
  controlnet: "ControlNet", unet: "UNet alone", "text-encoder": "Text encoder", unknown: "Unknown",
};
const FAMILIES = {
  sd1: "SD 1.x", sd2: "SD 2.x", sdxl: "SDXL", "sdxl-refiner": "SDXL refiner", sd3: "SD 3", "sd3.5": "SD 3.5", flux: "Flux", other: "Other",
};

export const kindName = (kind) => KINDS[kind] ?? kind;
export const familyName = (family) => FAMILIES[family] ?? "";
export const modelCount = (count) => (count === 1 ? "1 model" : `${count.toLocaleString("en")} models`);

export function models(count, kind) {
  const plural = KIND_TABS.find(([name]) => name === kind)?.[1];
  if (kind === "all" || kind === "other") return modelCount(count);
  return count === 1 ? `1 ${KINDS[kind]}` : `${count.toLocaleString("en")} ${plural}`;
}

export function size(bytes) {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(bytes < 1e10 ? 2 : 1)} GB`;
  if (bytes >= 1e6) return `${Math.round(bytes / 1e6)} MB`;
  return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
}

/** What else is special about a model, in a few words each. */
export function traits(model) {
  return [
    familyName(model.family),
    model.inpainting && "inpainting",
    model.kind === "checkpoint" && model.prediction === "v_prediction" && "v-prediction",
    model.zero_snr && "zero SNR",
    model.form,
    model.factor && `${model.factor}×`,
    model.rank && `rank ${model.rank}`,
    model.vectors && (model.vectors === 1 ? "1 token" : `${model.vectors} tokens`),
    model.precision,
  ].filter(Boolean);
}
