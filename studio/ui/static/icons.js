// Line icons on a 20 by 20 grid, drawn with the text's colour.

const PATHS = {
  tag: "M3.5 10.5v-7h7l6 6-7 7ZM7 7h.01",
  album: "M4 6.500h12v10H4ZM6 4h8",
  compare: "M3.500 4.500h5.500v11H3.500ZM11 4.500h5.500v11H11Z",
  sheet: "M3.500 3.500h13v13h-13ZM3.500 10h13M10 3.500v13",
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
  brush: "M16.500 3.500 9 11M9 11a3 3 0 0 0-3.500 2.500c-.300 1.500-1 2.200-2 2.500 2.500 1 6.500.500 7-2.500A2.500 2.500 0 0 0 9 11Z",
  eraser: "M8 16h8M3.500 12.500l7-7a1.500 1.500 0 0 1 2.100 0l2.400 2.400a1.500 1.500 0 0 1 0 2.100L9 16H7ZM7 9l4 4",
  rectangle: "M3.500 5h13v10h-13Z",
  hand: "M10 3v14M3 10h14M7.500 5.500 10 3l2.500 2.500M7.500 14.500 10 17l2.500-2.500M5.500 7.500 3 10l2.500 2.500M14.500 7.500 17 10l-2.500 2.500",
  redo: "M16 8H8a4 4 0 0 0 0 8h4M16 8l-3.500-3.500M16 8l-3.500 3.500",
  invert: "M10 3a7 7 0 1 0 0 14Zm0 0a7 7 0 0 1 0 14",
  upload: "M10 12V3m-3.500 3.500L10 3l3.500 3.500M4 16.500h12",
  transparent: "M3.500 3.500h13v13h-13ZM3.500 8h4.500v4.500h4.500v4M8 3.500V8h4.500v4.500h4",
  "zoom-in": "M9 4a5 5 0 1 0 0 10A5 5 0 0 0 9 4ZM13 13l4 4M9 7v4M7 9h4",
  "zoom-out": "M9 4a5 5 0 1 0 0 10A5 5 0 0 0 9 4ZM13 13l4 4M7 9h4",
  fit: "M3.500 7.500v-4h4M16.500 7.500v-4h-4M3.500 12.500v4h4M16.500 12.500v4h-4",
  image: "M3.500 4.500h13v11h-13ZM3.500 13l4-4 3.500 3.500 2-2 3.500 3M13 8h.01",
  mask: "M3.500 4.500h13v11h-13ZM10 7a3 3 0 1 0 0 6 3 3 0 0 0 0-6Z",
  finish: "M10 2.500 11.700 8.300 17.500 10l-5.800 1.700L10 17.500l-1.700-5.800L2.500 10l5.800-1.700Z",
  grid: "M3.500 3.500h5.500v5.500h-5.500ZM11 3.500h5.500v5.500h-5.500ZM3.500 11h5.500v5.500h-5.500ZM11 11h5.500v5.500h-5.500Z",
  more: "M5 10h.01M10 10h.01M15 10h.01",
  keep: "M5.500 3.500h9v13L10 13l-4.500 3.500Z",
  grip: "M7.500 5h.01M12.500 5h.01M7.500 10h.01M12.500 10h.01M7.500 15h.01M12.500 15h.01",
  up: "M10 16V4.500m-5 5 5-5 5 5",
  down: "M10 4v11.500m-5-5 5 5 5-5",
  pause: "M7 4.500v11M13 4.500v11",
  play: "M6.500 4.500 15 10l-8.500 5.500Z",
  check: "m4 10.500 4 4 8-9",
  gear: "M10 7.200a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600ZM8.700 2.800h2.600l.4 2 1.700.9 1.900-.7 1.300 2.300-1.500 1.400v1.900l1.500 1.400-1.300 2.300-1.900-.7-1.700.9-.4 2H8.700l-.4-2-1.700-.9-1.900.7L3.400 12l1.500-1.400V8.700L3.400 7.300 4.700 5l1.900.7 1.700-.9Z",
  share: "M14.500 4a2 2 0 1 0 0 4 2 2 0 0 0 0-4ZM5.500 8a2 2 0 1 0 0 4 2 2 0 0 0 0-4ZM14.500 12a2 2 0 1 0 0 4 2 2 0 0 0 0-4ZM7.300 9.100l5.400-2.400M7.300 10.900l5.400 2.400",
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
