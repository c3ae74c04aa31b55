// Dragging a job by its handle to another place, by mouse, pen or finger. The others make room while it is carried;
// Escape puts it back. Nothing moves in the document before it is put down: a moved element loses its pointer.

const FROM_EDGE_PX = 60;
const SCROLL_PX = 12;
const GAP_PX = 8;

export class Dragging {
  isActive = false;
  #line;
  #moved;

  /** `moved(id, place)` is called with the place it was put down at, counted from 1. */
  constructor(line, moved) {
    this.#line = line;
    this.#moved = moved;
    line.addEventListener("pointerdown", (event) => this.#take(event));
  }

  #take(event) {
    const handle = event.target.closest("[data-handle]");
    if (!handle || event.button !== 0 || this.isActive) return;
    event.preventDefault();
    handle.focus();
    handle.setPointerCapture(event.pointerId);
    this.isActive = true;
    const carried = new Carried(this.#line, handle.closest("li"), event.clientY);
    const carry = (moving) => carried.to(moving.clientY);
    const escape = (pressed) => pressed.key === "Escape" && end(false);
    const end = (keep) => {
      if (!this.isActive) return;
      this.isActive = false;
      handle.removeEventListener("pointermove", carry);
      document.removeEventListener("keydown", escape);
      carried.putDown();
      if (keep && carried.place !== carried.from) this.#moved(carried.row.dataset.job, carried.place + 1);
      handle.focus();
    };
    handle.addEventListener("pointermove", carry);
    document.addEventListener("keydown", escape);
    handle.addEventListener("lostpointercapture", () => end(true), { once: true });
  }
}

class Carried {
  #rows;
  #centres;
  #startY;
  #room;

  constructor(line, row, y) {
    this.row = row;
    this.#rows = [...line.children];
    this.from = this.place = this.#rows.indexOf(row);
    this.#centres = this.#rows.map((one) => middle(one));
    this.#room = row.offsetHeight + GAP_PX;
    this.#startY = y + window.scrollY;
    row.classList.add("carried");
  }

  to(y) {
    if (y < FROM_EDGE_PX + 56) window.scrollBy(0, -SCROLL_PX);
    else if (y > window.innerHeight - FROM_EDGE_PX) window.scrollBy(0, SCROLL_PX);
    const by = y + window.scrollY - this.#startY;
    const centre = this.#centres[this.from] + by;
    this.place = this.#rows.filter((one, index) => index !== this.from && this.#centres[index] < centre).length;
    this.#rows.forEach((one, index) => {
      const up = index > this.from && index <= this.place;
      const down = index < this.from && index >= this.place;
      const shift = index === this.from ? by : up ? -this.#room : down ? this.#room : 0;
      one.style.transform = shift ? `translateY(${shift}px)` : "";
    });
  }

  putDown() {
    this.row.classList.remove("carried");
    for (const row of this.#rows) row.style.transform = "";
  }
}

const middle = (row) => {
  const { top, height } = row.getBoundingClientRect();
  return top + window.scrollY + height / 2;
};
