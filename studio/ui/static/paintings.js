// Keeps paintings over a reload, by the hash of the picture they are on, in the browser's own database.

const NAME = "latent-studio";
const STORE = "paintings";
const MOST = 30;

export async function keepPainting(sha256, painting) {
  try {
    const base = await opened();
    const kept = painting.canUndo || !painting.isEmpty ? await painting.kept() : null;
    const store = base.transaction(STORE, "readwrite").objectStore(STORE);
    if (kept) store.put({ sha256, at: Date.now(), ...kept });
    else store.delete(sha256);
    const keys = await asked(store.getAll());
    for (const old of keys.sort((a, b) => b.at - a.at).slice(MOST)) store.delete(old.sha256);
  } catch (error) {
    console.warn("The mask could not be kept for a reload:", error);
  }
}

export async function keptPainting(sha256) {
  try {
    const base = await opened();
    return await asked(base.transaction(STORE).objectStore(STORE).get(sha256));
  } catch {
    return undefined;
  }
}

/** Forgets them all. */
export async function forgetPaintings() {
  try {
    const base = await opened();
    await asked(base.transaction(STORE, "readwrite").objectStore(STORE).clear());
  } catch {
    // there are none
  }
}

let base = null;

function opened() {
  base ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "sha256" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return base;
}

const asked = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
