// Files that are dragged onto the page, wherever it is: to start from and to read on Create, to keep in the gallery. A
// folder is gone through file by file.

const PASSED_OVER = new Set(["thumbnails", "thumbnail"]);

export function listenForDrops(studio) {
  const veil = document.querySelector("#drop-veil");
  const halves = [...veil.querySelectorAll("[data-drop]")];
  const halfAt = (event) => halves.find((half) => half === event.target.closest?.("[data-drop]"));
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  const isTaken = () => !document.querySelector("dialog[open]:not(#importer)");
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault(); // else the browser would leave the page and show the file
    if (!isTaken()) return;
    veil.hidden = false;
    (document.querySelector("#importer[open]") ?? document.body).append(veil);
    for (const half of halves) half.classList.toggle("over", half === halfAt(event));
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) veil.hidden = true;
  });
  document.addEventListener("drop", async (event) => {
    veil.hidden = true;
    if (!carriesFiles(event)) return;
    event.preventDefault();
    if (!isTaken()) return;
    const half = halfAt(event)?.dataset.drop;
    const onPrompt = event.target.closest?.("#field-prompt, #field-negative_prompt");
    if (studio.route === "gallery" && half !== "read") return studio.importer.take(await everyFile(event.dataTransfer));
    const files = [...event.dataTransfer.files];
    if (half === "read" || onPrompt || studio.route !== "create") return files.length && studio.reading.open(files[0]);
    studio.source.take(files);
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length || document.querySelector("dialog[open]")) return;
    if (studio.route !== "create" && studio.route !== "gallery") return;
    event.preventDefault();
    if (studio.route === "gallery") studio.importer.take(files.map(withPath));
    else studio.source.take(files);
  });
}

/** A file and what it is called, with the folders it lies in. */
export const withPath = (file) => ({ file, path: file.webkitRelativePath || file.name });

/** All files that were dropped; those of folders too. What the browser tells must be asked for before anything waits. */
async function everyFile(transfer) {
  const plain = [...transfer.files];
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return plain.map(withPath);
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

async function walk(entry, found) {
  if (entry.name.startsWith(".")) return;
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file) found.push({ file, path: entry.fullPath.replace(/^\//, "") });
    return;
  }
  if (PASSED_OVER.has(entry.name.toLowerCase())) return;
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return;
    for (const one of some) await walk(one, found);
  }
}
