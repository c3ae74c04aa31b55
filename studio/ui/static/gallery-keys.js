// The gallery by keyboard: arrows move, Space selects, with Shift on the way; letters act on what is selected.

export class GalleryKeys {
  #gallery;

  constructor(gallery) {
    this.#gallery = gallery;
    document.addEventListener("keydown", (event) => gallery.isShown && this.#key(event));
    gallery.grid.addEventListener("keyup", (event) => event.key === " " && event.target.matches(".cell-open") && event.preventDefault());
  }

  #key(event) {
    if (document.querySelector("dialog[open]") || event.target.closest("input, select, textarea, #gallery-help") || event.altKey) return;
    const gallery = this.#gallery;
    const cell = event.target.closest(".cell[data-id]");
    const place = cell ? gallery.placeOf(cell.dataset.id) : -1;
    if ((event.ctrlKey || event.metaKey) && event.key === "a") void gallery.selection.selectAll();
    else if (event.ctrlKey || event.metaKey) return;
    else if (event.key === "Escape" && gallery.selection.size) gallery.selection.clear();
    else if (event.key === " " && place >= 0) this.#select(gallery.idAt(place));
    else if (this.#move(event, place)) return event.preventDefault();
    else if (!this.#act(event.key, place)) return;
    event.preventDefault();
  }

  #select(id) {
    this.#gallery.lastSelected = id;
    this.#gallery.selection.toggle(id);
  }

  #move(event, place) {
    if (place < 0) return false;
    const gallery = this.#gallery;
    const columns = gallery.virtual.columns;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -place, End: gallery.total - 1 - place };
    const step = steps[event.key];
    if (step === undefined) return false;
    const next = place + step;
    if (next < 0 || next >= gallery.total) return true;
    const from = gallery.idAt(place);
    gallery.virtual.reveal(next).querySelector(".cell-open")?.focus({ preventScroll: true });
    const id = gallery.idAt(next);
    if (event.shiftKey && id) {
      if (!gallery.selection.size) this.#select(from);
      gallery.selectTo(id);
    }
    return true;
  }

  /** A letter acts on the selection, or on the picture that has the focus. */
  #act(key, place) {
    const { selection } = this.#gallery;
    const acts = { Delete: "bin", f: "favourite", t: "tag", a: "album", c: "compare" };
    if (!acts[key] || (this.#gallery.view === "bin" && key !== "c")) return false;
    if (!selection.size && place >= 0) selection.toggle(this.#gallery.idAt(place), true);
    if (!selection.size) return false;
    void selection[acts[key]]();
    return true;
  }
}
