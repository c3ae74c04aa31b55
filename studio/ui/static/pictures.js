// The pictures of the gallery: what is known of each, and what can be done with one. Every view listens here, so a
// picture deleted in full view leaves stage and grid as well.

import { address, request } from "./api.js";
import { likings } from "./likings.js";
import { toast } from "./toasts.js";
import { pictures as words } from "./words.js";

export const fileOf = (id) => address(`images/${id}/file`);
export const FORMATS = ["png", "jpeg", "webp", "avif"];

/** The format that downloads have, as the person likes it. */
export const downloadFormat = () => (FORMATS.includes(likings.get("download_format")) ? likings.get("download_format") : "png");
export const chooseFormat = (name) => void likings.change("download_format", name).catch(() => {});
export const downloadOf = (id) => address(`images/${id}/file?download=true&format=${downloadFormat()}`);
export const thumbnailOf = (id) => address(`images/${id}/thumbnail`);

const NEWEST = 100;

export class Pictures extends EventTarget {
  #known = new Map();
  #marks = new Map(); // by picture: when it was marked here last, and what with; answers asked for before know less
  #clock = 0;
  #asked = new Set();
  #newest = null;

  known(id) {
    return this.#known.get(id);
  }

  async load(id) {
    const asked = this.#clock;
    return this.#known.get(id) ?? this.#keep(await request("GET", `images/${id}`), asked);
  }

  /** Asks once for a picture that the page shows without knowing it; one that is deleted for good is known as gone.
   * madeAfter: when the job began that made it, if that had ended before this page was opened. */
  async learn(id, madeAfter = null) {
    if (this.#known.has(id) || this.#asked.has(id)) return;
    this.#asked.add(id);
    try {
      if (madeAfter && (await this.#isMissing(id, madeAfter))) this.#known.set(id, { id, gone: true });
      else await this.load(id);
    } catch (error) {
      if (error.status === 404) this.#known.set(id, { id, gone: true });
      else this.#asked.delete(id);
      this.#newest = null;
    }
    this.dispatchEvent(new CustomEvent("learned"));
  }

  /** Whether the newest pictures would have to hold this one, and do not. */
  async #isMissing(id, madeAfter) {
    this.#newest ??= this.list({ limit: NEWEST });
    const { images, next } = await this.#newest;
    const oldest = images.at(-1)?.created_at;
    return !this.#known.has(id) && (!next || new Date(madeAfter) > new Date(oldest));
  }

  /** Whether a picture is in the bin or deleted. */
  isGone(id) {
    const { binned, gone } = this.#known.get(id) ?? {};
    return Boolean(binned || gone);
  }

  async list({ search = "", sort = "newest", offset = 0, favourites = false, binned = false, before = null, limit = 60 } = {}) {
    const wanted = new URLSearchParams({ search, sort, offset, favourites, binned, limit });
    if (before) wanted.set("before", before);
    const asked = this.#clock;
    const page = await request("GET", `images?${wanted}`);
    return { ...page, images: page.images.map((image) => this.#keep(image, asked)) };
  }

  async bin(ids) {
    this.#expect(ids, { binned: true });
    try {
      await request("POST", "images/bin", { ids });
      this.#mark(ids, { binned: true }, true);
      toast(`${capital(words(ids.length))} in the bin`, { action: { label: "Undo", run: () => this.restore(ids) } });
    } catch (error) {
      this.#mark(ids, { binned: false });
      toast(`Not deleted. ${error.message}`, { kind: "error" });
    }
  }

  async restore(ids) {
    try {
      await request("POST", "images/restore", { ids });
      this.#mark(ids, { binned: false });
      toast(`${capital(words(ids.length))} back in the gallery`);
    } catch (error) {
      toast(`Not restored. ${error.message}`, { kind: "error" });
    }
  }

  async emptyBin() {
    const { count } = await request("POST", "images/empty-bin");
    this.dispatchEvent(new CustomEvent("change", { detail: { ids: [], emptied: true } }));
    toast(`${capital(words(count))} deleted for good`);
  }

  async favourite(id, favourite) {
    this.#expect([id], { favourite });
    try {
      await request("POST", `images/${id}/favourite`, { favourite });
      this.#mark([id], {}); // a list of favourites that was asked for meanwhile does not have it
    } catch (error) {
      this.#mark([id], { favourite: !favourite });
      toast(`The mark was not kept. ${error.message}`, { kind: "error" });
    }
  }

  async favouriteAll(ids, favourite) {
    this.#expect(ids, { favourite });
    try {
      await request("POST", "images/favourites", { ids, favourite });
      this.#mark(ids, {});
      toast(favourite ? `${capital(words(ids.length))} marked` : `The marks of ${words(ids.length)} are off`);
    } catch (error) {
      this.#mark(ids, { favourite: !favourite });
      toast(`The marks were not kept. ${error.message}`, { kind: "error" });
    }
  }

  #keep(image, asked) {
    const marked = this.#marks.get(image.id);
    const whole = { ...this.#known.get(image.id), ...image, ...(marked && marked.at > asked ? marked.fields : {}) };
    this.#known.set(image.id, whole);
    return whole;
  }

  /** The studio is being told, and answers may not know of it until it has said yes. */
  #expect(ids, fields) {
    this.#mark(ids, fields, false, Infinity);
  }

  /** settled: the studio has done it, so whoever asks now gets lists without it. */
  #mark(ids, fields, settled = false, at = (this.#clock += 1)) {
    for (const id of ids) {
      this.#known.set(id, { id, ...this.#known.get(id), ...fields });
      this.#marks.set(id, { at, fields: { ...this.#marks.get(id)?.fields, ...fields } });
    }
    this.dispatchEvent(new CustomEvent("change", { detail: { ids, settled } }));
  }
}

const capital = (text) => text[0].toUpperCase() + text.slice(1);
