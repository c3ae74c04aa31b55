// The editor: a picture as large as the window allows, to paint a mask or colours on. Everything painted is in pixels
// of the picture, whatever the zoom of view and browser; the view is moved by CSS alone.

import { fillWith, make } from "./dom.js";
import { icon } from "./icons.js";
import { MASK_COLOUR, maskSheetOf, transparencyOf } from "./painting.js";
import { toast } from "./toasts.js";

const LARGEST_ZOOM = 32;
const LONG_AGO_MS = 250;

export class Editor {
  #painting = null;
  #view = { scale: 1, x: 0, y: 0 };
  #fingers = new Map();
  #stroke = null;
  #pan = null;
  #pinch = null;
  #done = () => {};
  #tool = "brush";
  #layer = "mask";
  #size = 40;
  #keys = {
    b: () => this.#choose("brush"),
    e: () => this.#choose("eraser"),
    r: () => this.#choose("rectangle"),
    h: () => this.#choose("hand"),
    x: () => this.#layer === "mask" && this.#act("invert"),
    delete: () => this.#act("clear"),
    "[": () => this.#resize(Math.round(this.#size * 0.8)),
    "]": () => this.#resize(Math.round(this.#size * 1.25 + 1)),
    "+": () => this.zoom(1.25),
    "=": () => this.zoom(1.25),
    "-": () => this.zoom(0.8),
    0: () => this.fit(),
  };

  constructor() {
    this.dialog = document.querySelector("#editor");
    this.board = make("div", { class: "editor-board" });
    this.area = make("div", { class: "editor-area", tabindex: 0, "aria-label": "The picture: draw on it" }, this.board);
    this.ring = make("i", { class: "editor-ring" });
    this.area.append(this.ring);
    this.tools = make("div", { class: "editor-tools", role: "toolbar", "aria-label": "Painting tools" });
    fillWith(this.dialog, this.tools, this.area);
    this.#buildTools();
    this.#listen();
  }

  /** Opens on a painting over `image`, an <img> that has loaded; layer is "mask" or "colour". */
  open(image, painting, layer, hasAlpha, onDone) {
    this.#painting = painting;
    this.#layer = layer;
    this.#done = onDone;
    this.image = image;
    this.alpha.hidden = !hasAlpha || layer !== "mask";
    for (const part of this.dialog.querySelectorAll("[data-layer]")) part.hidden = part.dataset.layer !== layer;
    this.#size = Math.max(4, Math.round(Math.max(painting.width, painting.height) / 12));
    this.sizes.max = String(Math.max(64, Math.round(Math.max(painting.width, painting.height) / 2)));
    this.board.style.width = `${painting.width}px`;
    this.board.style.height = `${painting.height}px`;
    painting.mask.className = "editor-mask";
    const shown = image.cloneNode();
    shown.draggable = false;
    fillWith(this.board, shown, painting.colour, painting.mask);
    this.dialog.showModal();
    this.area.focus();
    this.#choose("brush");
    this.#show();
    requestAnimationFrame(() => this.fit());
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }

  fit() {
    const { clientWidth: width, clientHeight: height } = this.area;
    const scale = Math.min((width - 24) / this.#painting.width, (height - 24) / this.#painting.height);
    this.#view = { scale, x: (width - this.#painting.width * scale) / 2, y: (height - this.#painting.height * scale) / 2 };
    this.#place();
  }

  zoom(factor, atX = this.area.clientWidth / 2, atY = this.area.clientHeight / 2) {
    const { scale, x, y } = this.#view;
    const next = Math.min(LARGEST_ZOOM, Math.max(0.02, scale * factor));
    this.#view = { scale: next, x: atX - ((atX - x) * next) / scale, y: atY - ((atY - y) * next) / scale };
    this.#place();
  }

  get zoomed() {
    return this.#view.scale;
  }

  // --- tools ---

  #buildTools() {
    const group = (words, ...parts) => make("div", { class: "editor-group", role: "group", "aria-label": words }, parts.flat());
    this.choices = { brush: tool("brush", "Brush (B)", () => this.#choose("brush")), eraser: tool("eraser", "Eraser (E)", () => this.#choose("eraser")), rectangle: tool("rectangle", "Rectangle (R)", () => this.#choose("rectangle")), hand: tool("hand", "Move the view (H, or hold space)", () => this.#choose("hand")) };
    this.sizes = make("input", { type: "range", min: 1, max: 512, "aria-label": "Brush size", title: "Brush size ([ and ])", oninput: () => this.#resize(Number(this.sizes.value)) });
    this.colours = make("input", { type: "color", value: "#e04040", "aria-label": "Colour", title: "Colour", "data-layer": "colour" });
    this.undoButton = tool("undo", "Undo (Ctrl+Z)", () => this.#step("undo"));
    this.redoButton = tool("redo", "Redo (Ctrl+Shift+Z)", () => this.#step("redo"));
    this.alpha = tool("transparent", "Mask what is transparent", () => this.#lay(transparencyOf(this.image, this.#painting.width, this.#painting.height)));
    this.file = make("input", { type: "file", accept: "image/*", hidden: true, onchange: () => this.#fromFile() });
    fillWith(
      this.tools,
      group("Tool", Object.values(this.choices)),
      group("Size", this.sizes, this.colours),
      group("Steps", this.undoButton, this.redoButton, tool("trash", "Clear (Delete)", () => this.#act("clear"))),
      make("div", { class: "editor-group", role: "group", "aria-label": "Mask", "data-layer": "mask" }, tool("invert", "Invert (X)", () => this.#act("invert")), tool("upload", "Take a mask from a file", () => this.file.click()), this.alpha, this.file),
      group("View", tool("zoom-out", "Smaller (-)", () => this.zoom(0.8)), tool("fit", "Fit (0)", () => this.fit()), tool("zoom-in", "Larger (+)", () => this.zoom(1.25))),
      make("button", { type: "button", class: "button primary editor-done", onclick: () => this.close() }, "Done"),
    );
  }

  #choose(name) {
    this.#tool = name;
    for (const [one, button] of Object.entries(this.choices)) button.setAttribute("aria-pressed", String(one === name));
    this.area.dataset.tool = name;
    this.#resize(this.#size);
  }

  #resize(size) {
    this.#size = Math.min(Number(this.sizes.max), Math.max(1, size));
    this.sizes.value = String(this.#size);
    const diameter = this.#size * this.#view.scale;
    this.ring.style.width = this.ring.style.height = `${diameter}px`;
  }

  #act(kind) {
    this.#painting.add({ kind, layer: this.#layer });
    this.#changed();
  }

  #lay(sheet) {
    this.#painting.add({ kind: "picture", layer: "mask", sheet });
    this.#changed();
  }

  async #fromFile() {
    const [file] = this.file.files;
    this.file.value = "";
    if (!file) return;
    try {
      this.#lay(await maskSheetOf(file, this.#painting.width, this.#painting.height));
    } catch {
      toast("That file is no picture that the browser can read.", { kind: "error" });
    }
  }

  #step(way) {
    this.#painting[way]();
    this.#changed();
  }

  #changed() {
    this.#show();
    this.dialog.dispatchEvent(new Event("painted"));
  }

  #show() {
    this.undoButton.disabled = !this.#painting.canUndo;
    this.redoButton.disabled = !this.#painting.canRedo;
    if (this.#painting.colour && !this.#painting.colour.isConnected) this.#painting.mask.before(this.#painting.colour);
  }

  // --- pointer ---

  #listen() {
    this.area.addEventListener("pointerdown", (event) => this.#down(event));
    this.area.addEventListener("pointermove", (event) => this.#move(event));
    for (const kind of ["pointerup", "pointercancel"]) this.area.addEventListener(kind, (event) => this.#up(event));
    this.area.addEventListener("pointerleave", () => (this.ring.hidden = true));
    this.area.addEventListener("contextmenu", (event) => event.preventDefault());
    this.area.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
    this.dialog.addEventListener("keyup", (event) => event.key === " " && (this.spaceHeld = false));
    this.dialog.addEventListener("close", () => this.#closed());
    new ResizeObserver(() => this.dialog.open && this.#painting && this.fit()).observe(this.area);
  }

  #closed() {
    this.#finish();
    this.#fingers.clear();
    this.#done();
  }

  #down(event) {
    event.preventDefault();
    this.area.setPointerCapture(event.pointerId);
    this.#fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (event.pointerType === "touch" && this.#fingers.size === 2) return this.#startPinch();
    if (this.#fingers.size > 1) return;
    if (event.button === 1 || this.#tool === "hand" || this.spaceHeld) {
      this.#pan = { x: event.clientX, y: event.clientY };
      return;
    }
    if (event.button !== 0) return;
    const erases = this.#tool === "eraser" || event.buttons === 32;
    const colour = this.#layer === "mask" ? MASK_COLOUR : this.colours.value;
    const shape = this.#tool === "rectangle" ? "rectangle" : "line";
    this.#stroke = { at: Date.now(), act: this.#painting.begin({ layer: this.#layer, size: this.#size, colour, erases, shape }) };
    this.#show();
    this.#draw(event);
  }

  #move(event) {
    this.#moveRing(event);
    const finger = this.#fingers.get(event.pointerId);
    if (!finger) return;
    if (this.#pinch) {
      Object.assign(finger, { x: event.clientX, y: event.clientY });
      return this.#pinched();
    }
    if (this.#pan) {
      this.#view.x += event.clientX - this.#pan.x;
      this.#view.y += event.clientY - this.#pan.y;
      this.#pan = { x: event.clientX, y: event.clientY };
      return this.#place();
    }
    if (!this.#stroke || this.#stroke.act.shape === "rectangle") return;
    const every = event.getCoalescedEvents?.() ?? [];
    for (const one of every.length ? every : [event]) this.#draw(one);
  }

  #up(event) {
    if (!this.#fingers.delete(event.pointerId)) return;
    if (this.#stroke?.act.shape === "rectangle" && event.type === "pointerup") this.#draw(event);
    if (this.#fingers.size < 2) this.#pinch = null;
    if (this.#fingers.size === 0) this.#finish();
  }

  #finish() {
    this.#pan = this.#pinch = null;
    if (!this.#stroke) return;
    this.#stroke = null;
    this.#changed();
  }

  #draw(event) {
    const box = this.board.getBoundingClientRect();
    const x = ((event.clientX - box.left) * this.#painting.width) / box.width;
    const y = ((event.clientY - box.top) * this.#painting.height) / box.height;
    this.#painting.extend(this.#stroke.act, x, y);
  }

  /** The second finger means that the first one did not mean to draw. */
  #startPinch() {
    if (this.#stroke && Date.now() - this.#stroke.at < LONG_AGO_MS) this.#painting.forget(this.#stroke.act);
    this.#stroke = null;
    this.#show();
    const { distance, x, y } = this.#spread();
    this.#pinch = { distance, x, y };
  }

  #pinched() {
    const { distance, x, y } = this.#spread();
    this.#view.x += x - this.#pinch.x;
    this.#view.y += y - this.#pinch.y;
    this.zoom(distance / this.#pinch.distance, x, y);
    this.#pinch = { distance, x, y };
  }

  #spread() {
    const [one, other] = [...this.#fingers.values()];
    const box = this.area.getBoundingClientRect();
    return { distance: Math.max(1, Math.hypot(one.x - other.x, one.y - other.y)), x: (one.x + other.x) / 2 - box.left, y: (one.y + other.y) / 2 - box.top };
  }

  #wheel(event) {
    event.preventDefault();
    const box = this.area.getBoundingClientRect();
    this.zoom(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
  }

  #moveRing(event) {
    const box = this.area.getBoundingClientRect();
    this.ring.hidden = event.pointerType === "touch" || ["hand", "rectangle"].includes(this.#tool);
    this.ring.style.transform = `translate(${event.clientX - box.left}px, ${event.clientY - box.top}px) translate(-50%, -50%)`;
  }

  #place() {
    const { scale, x, y } = this.#view;
    this.board.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    this.board.classList.toggle("pixelated", scale > 3);
    this.#resize(this.#size);
  }

  #key(event) {
    if (event.target.matches("input[type=color]")) return;
    const undoes = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z";
    if (undoes) this.#step(event.shiftKey ? "redo" : "undo");
    else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (event.key === " " && event.target === this.area) this.spaceHeld = true;
    else if (this.#keys[event.key.toLowerCase()]) this.#keys[event.key.toLowerCase()]();
    else return;
    event.preventDefault();
  }
}

function tool(name, words, run) {
  return make("button", { type: "button", class: "icon-button", "aria-label": words, title: words, onclick: run }, icon(name));
}
