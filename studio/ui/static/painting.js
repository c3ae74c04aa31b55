// What was painted on one picture, at the picture's own resolution: a list of strokes and other acts, drawn on two
// canvases (the mask, and colour over the picture). Undo draws the list anew without its last act, so it always gives
// the very pixels that were there before.

const KEPT_ACTS = 80;

export class Painting {
  acts = [];
  #undone = [];
  #base = { mask: null, colour: null };

  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.mask = sheet(width, height);
    this.colour = null;
  }

  get isEmpty() {
    return !this.#leaves("mask");
  }

  get hasColour() {
    return this.#leaves("colour");
  }

  get canUndo() {
    return this.acts.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  /** Whether anything may be on a layer: something came after the last time it was cleared. */
  #leaves(layer) {
    const mine = this.acts.filter((act) => act.layer === layer);
    const last = mine.findLastIndex((act) => act.kind === "clear");
    return mine.length - 1 > last || (last < 0 && this.#base[layer] !== null);
  }

  /** Begins a stroke; its points follow by `extend`. */
  begin(stroke) {
    const act = { kind: "stroke", points: [], ...stroke };
    this.#add(act);
    return act;
  }

  /** Adds a point in pixels of the picture, and draws the piece of the line that leads to it. */
  extend(act, x, y) {
    act.points.push(x, y);
    drawSegment(this.#context(act.layer), act, act.points.length - 2);
  }

  /** An act that is complete at once: clear, invert, or a picture laid over everything. */
  add(act) {
    this.#add(act);
    this.#draw(act);
  }

  /** Takes back an act that turned out to be none, as the first finger of a pinch. */
  forget(act) {
    this.acts = this.acts.filter((one) => one !== act);
    this.#redraw();
  }

  undo() {
    const act = this.acts.pop();
    if (!act) return;
    this.#undone.push(act);
    this.#redraw();
  }

  redo() {
    const act = this.#undone.pop();
    if (!act) return;
    this.acts.push(act);
    this.#draw(act);
  }

  /** A copy that IndexedDB can keep. */
  async kept() {
    const base = {};
    for (const layer of ["mask", "colour"]) base[layer] = this.#base[layer] && (await blobOf(this.#base[layer]));
    const acts = [];
    for (const act of this.acts) acts.push(act.kind === "picture" ? { ...act, sheet: await blobOf(act.sheet) } : act);
    return { width: this.width, height: this.height, base, acts };
  }

  async restore(kept) {
    if (kept.width !== this.width || kept.height !== this.height) return;
    for (const layer of ["mask", "colour"]) if (kept.base[layer]) this.#base[layer] = await sheetOf(kept.base[layer]);
    this.acts = [];
    for (const act of kept.acts) this.acts.push(act.kind === "picture" ? { ...act, sheet: await sheetOf(act.sheet) } : act);
    this.#redraw();
  }

  /** The mask as a PNG of the picture's size: white where to paint, black where to keep. */
  maskFile() {
    const { data } = this.mask.getContext("2d").getImageData(0, 0, this.width, this.height);
    const file = sheet(this.width, this.height);
    const context = file.getContext("2d");
    const picture = context.createImageData(this.width, this.height);
    const pixels = new Uint32Array(picture.data.buffer);
    for (let place = 0; place < pixels.length; place++) pixels[place] = data[place * 4 + 3] >= 128 ? 0xffffffff : 0xff000000;
    context.putImageData(picture, 0, 0);
    return blobOf(file);
  }

  /** The picture with the colours painted on it. */
  pictureFile(image) {
    const file = sheet(this.width, this.height);
    const context = file.getContext("2d");
    context.drawImage(image, 0, 0);
    context.drawImage(this.colour, 0, 0);
    return blobOf(file);
  }

  #add(act) {
    this.#undone = [];
    this.acts.push(act);
    if (this.acts.length > KEPT_ACTS) this.#bake();
  }

  /** The oldest act becomes part of what undo starts from. */
  #bake() {
    const [oldest] = this.acts.splice(0, 1);
    const { layer } = oldest;
    const flat = sheet(this.width, this.height);
    if (this.#base[layer]) flat.getContext("2d").drawImage(this.#base[layer], 0, 0);
    drawAct(flat, oldest);
    this.#base[layer] = flat;
  }

  #redraw() {
    for (const layer of ["mask", "colour"]) {
      if (layer === "colour" && !this.colour) continue;
      const context = this.#context(layer);
      context.globalCompositeOperation = "source-over";
      context.clearRect(0, 0, this.width, this.height);
      if (this.#base[layer]) context.drawImage(this.#base[layer], 0, 0);
    }
    for (const act of this.acts) this.#draw(act);
  }

  #draw(act) {
    this.#context(act.layer);
    drawAct(this[act.layer], act);
  }

  #context(layer) {
    if (layer === "colour" && !this.colour) {
      this.colour = sheet(this.width, this.height);
      this.colour.className = "editor-colour";
      this.mask.before(this.colour);
    }
    return this[layer].getContext("2d");
  }
}

function drawAct(canvas, act) {
  const context = canvas.getContext("2d");
  if (act.kind === "stroke") {
    for (let place = 0; place < act.points.length; place += 2) drawSegment(context, act, place);
    return;
  }
  context.save();
  if (act.kind === "clear" || act.kind === "picture") context.clearRect(0, 0, canvas.width, canvas.height);
  if (act.kind === "picture") context.drawImage(act.sheet, 0, 0, canvas.width, canvas.height);
  if (act.kind === "invert") {
    context.globalCompositeOperation = "xor";
    context.fillStyle = MASK_COLOUR;
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  context.restore();
}

/** One piece of a line, always drawn the same way, so that drawing anew gives the same pixels. */
function drawSegment(context, { points, size, colour, erases, shape }, place) {
  context.globalCompositeOperation = erases ? "destination-out" : "source-over";
  context.strokeStyle = context.fillStyle = colour;
  if (shape === "rectangle") {
    if (place < 2) return;
    const [x, y] = points;
    context.fillRect(Math.min(x, points[2]), Math.min(y, points[3]), Math.abs(points[2] - x), Math.abs(points[3] - y));
    return;
  }
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = size;
  context.beginPath();
  const from = Math.max(0, place - 2);
  context.moveTo(points[from], points[from + 1]);
  context.lineTo(points[place], points[place + 1]);
  context.stroke();
}

export const MASK_COLOUR = "#ff3d7f";

export function sheet(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

export const blobOf = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/png"));

export async function sheetOf(blob) {
  const image = await createImageBitmap(blob);
  const canvas = sheet(image.width, image.height);
  canvas.getContext("2d").drawImage(image, 0, 0);
  image.close();
  return canvas;
}

/** A picture file as a mask: what is light is masked. Its size becomes the painting's. */
export async function maskSheetOf(blob, width, height) {
  const canvas = sheet(width, height);
  const context = canvas.getContext("2d");
  const image = await createImageBitmap(blob);
  context.drawImage(image, 0, 0, width, height);
  image.close();
  const picture = context.getImageData(0, 0, width, height);
  const { data } = picture;
  let clear = false;
  for (let place = 3; place < data.length && !clear; place += 4) clear = data[place] < 255;
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(MASK_COLOUR.slice(at, at + 2), 16));
  for (let place = 0; place < data.length; place += 4) {
    const light = 0.299 * data[place] + 0.587 * data[place + 1] + 0.114 * data[place + 2];
    const masked = clear ? data[place + 3] > 128 : light >= 128;
    data.set([red, green, blue, masked ? 255 : 0], place);
  }
  context.putImageData(picture, 0, 0);
  return canvas;
}

/** What is transparent in a picture, as a mask. */
export function transparencyOf(image, width, height) {
  const canvas = sheet(width, height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  context.globalCompositeOperation = "source-out";
  context.fillStyle = MASK_COLOUR;
  context.fillRect(0, 0, width, height);
  return canvas;
}
