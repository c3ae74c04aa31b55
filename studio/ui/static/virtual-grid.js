// A grid of which only the part in view is in the page, however long it is. Its height is that of all rows, so the
// scroll bar tells the truth and any place can be jumped to.

const OVERSCAN_ROWS = 3;

export class VirtualGrid {
  #total = 0;
  #cellAt;
  #wanted;
  #frame = 0;

  /** cellAt(index) gives the element of a place; wanted(first, end) is told which places are in view. */
  constructor(element, cellAt, wanted) {
    this.element = element;
    this.#cellAt = cellAt;
    this.#wanted = wanted;
    const later = () => {
      this.#frame ||= requestAnimationFrame(() => this.draw());
    };
    window.addEventListener("scroll", later, { passive: true });
    new ResizeObserver(later).observe(element.parentElement);
  }

  get columns() {
    return this.#measure().columns;
  }

  show(total) {
    this.#total = total;
    this.draw();
  }

  draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const { columns, height, top } = this.#measure();
    if (!height) return; // the gallery is not in view
    const rows = Math.ceil(this.#total / columns);
    const above = Math.floor((window.scrollY - top) / height) - OVERSCAN_ROWS;
    const below = Math.ceil((window.scrollY + window.innerHeight - top) / height) + OVERSCAN_ROWS;
    const first = Math.min(Math.max(0, above), Math.max(0, rows - 1));
    const end = Math.min(rows, Math.max(first + 1, below));
    this.element.style.paddingTop = `${first * height}px`;
    this.element.style.paddingBottom = `${Math.max(0, rows - end) * height}px`;
    const [from, to] = [first * columns, Math.min(this.#total, end * columns)];
    place(this.element, Array.from({ length: Math.max(0, to - from) }, (_, at) => this.#cellAt(from + at)));
    if (to > from) this.#wanted(from, to);
  }

  /** Scrolls so far that a place is in view, and gives its element. */
  reveal(index) {
    const { columns, height, top } = this.#measure();
    const upper = top + Math.floor(index / columns) * height;
    const bar = document.querySelector("#header")?.offsetHeight ?? 0;
    if (upper < window.scrollY + bar) window.scrollTo(0, upper - bar - 8);
    else if (upper + height > window.scrollY + window.innerHeight) window.scrollTo(0, upper + height - window.innerHeight + 8);
    this.draw();
    return this.#cellAt(index);
  }

  #measure() {
    const style = getComputedStyle(this.element);
    const sizes = style.gridTemplateColumns.split(" ").map(parseFloat).filter((size) => size > 0);
    if (!sizes.length || !this.element.offsetParent) return { columns: 1, height: 0, top: 0 };
    const top = this.element.getBoundingClientRect().top + window.scrollY;
    return { columns: sizes.length, height: sizes[0] + parseFloat(style.rowGap || 0), top };
  }
}

/** Makes the children be these, touching none that stays, so that it keeps focus and picture. */
function place(parent, cells) {
  const kept = new Set(cells);
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
  let next = parent.firstElementChild;
  for (const cell of cells) {
    if (cell === next) next = next.nextElementSibling;
    else parent.insertBefore(cell, next);
  }
}
