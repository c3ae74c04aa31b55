// Line icons on a 20 by 20 grid, drawn with the text's colour.

const PATHS = {
  heart: "M10 16.5 3.9 10.4a3.9 3.9 0 0 1 5.5-5.5l.6.6.6-.6a3.9 3.9 0 0 1 5.5 5.5Z",
  download: "M10 3v9m-3.5-3.5L10 12l3.5-3.5M4 16.5h12",
  trash: "M4 5.5h12M8 5.5V3.8h4v1.7m-6.5 0 .7 10.7h7.6l.7-10.7M8.5 8.5v5m3-5v5",
  recipe: "M5 3h7l3 3v11H5ZM12 3v3h3M7.5 10h5m-5 3h5",
  reuse: "M4 10a6 6 0 0 1 10.3-4.2L16 7.5M16 4v3.5h-3.5M16 10a6 6 0 0 1-10.3 4.2L4 12.5M4 16v-3.5h3.5",
  dice: "M4.5 3h11A1.5 1.5 0 0 1 17 4.5v11a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 3 15.500v-11A1.5 1.500 0 0 1 4.500 3ZM7 7h.01M13 7h.01M10 10h.01M7 13h.01M13 13h.01",
  swap: "M4 7h11m-3-3 3 3-3 3M16 13H5m3 3-3-3 3-3",
  close: "m5 5 10 10M15 5 5 15",
  left: "m12 4-6 6 6 6",
  right: "m8 4 6 6-6 6",
  copy: "M7 7h9v9H7ZM13 7V4H4v9h3",
  undo: "M4 8h8a4 4 0 0 1 0 8H8M4 8l3.500-3.500M4 8l3.500 3.500",
  sun: "M10 6.800a3.200 3.200 0 1 0 0 6.400 3.200 3.200 0 0 0 0-6.400ZM10 2.500v1.500M10 16v1.500M2.500 10h1.500M16 10h1.500M4.700 4.700l1 1M14.300 14.300l1 1M15.300 4.700l-1 1M5.700 14.300l-1 1",
  moon: "M16 11.800A6.500 6.500 0 0 1 8.200 4a6.500 6.500 0 1 0 7.800 7.800Z",
  system: "M3 4h14v9.500H3ZM7.500 17h5M10 13.500V17",
  alert: "M10 3.500 17.500 16.500h-15ZM10 8.500v3.500M10 14.300h.01",
};

export function icon(name) {
  const holder = document.createElement("template");
  holder.innerHTML =
    `<svg class="icon icon-${name}" viewBox="0 0 20 20" width="18" height="18" fill="none" stroke="currentColor" ` +
    `stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="${PATHS[name]}"/></svg>`;
  return holder.content.firstChild;
}

/** Puts icons into the buttons that Python wrote with data-icon. */
export function drawIcons(root = document) {
  for (const button of root.querySelectorAll("[data-icon]:empty")) button.append(icon(button.dataset.icon));
}
