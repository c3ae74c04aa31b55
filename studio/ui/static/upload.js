// Files on their way into the gallery: a few at a time, so that the page stays quick, and once more while the studio
// does not answer. What is refused is named and stops nothing.

import { ApiError, sendFile, Unreachable } from "./api.js";

const AT_ONCE = 3;
const PAUSE_MS = 3000;

export class Upload extends EventTarget {
  state = "running";
  error = "";
  imported = 0;
  doubles = 0;
  problems = [];
  #files;
  #labels;
  #next = 0;
  #stop = new AbortController();

  constructor(files, labels) {
    super();
    this.#files = files;
    this.#labels = labels;
    this.total = files.length;
  }

  get skipped() {
    return this.problems.length;
  }

  get isGoing() {
    return this.state === "running";
  }

  async run() {
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#work()));
    if (this.isGoing) this.state = "done";
    this.#tell();
  }

  cancel() {
    this.state = "cancelled";
    this.#stop.abort();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }

  async #work() {
    while (this.isGoing && this.#next < this.#files.length) {
      const { file, path } = this.#files[this.#next++];
      await this.#send(file, path);
      this.#tell();
    }
  }

  async #send(file, path) {
    const wanted = new URLSearchParams({ path, modified_ms: file.lastModified, labels: this.#labels });
    while (this.isGoing) {
      try {
        const { outcome } = await sendFile(`images/import?${wanted}`, file, this.#stop.signal);
        this[outcome === "imported" ? "imported" : "doubles"] += 1;
        this.error = "";
        return;
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (error instanceof Unreachable && (await isReadable(file))) {
          this.error = "The studio does not answer. Trying again…";
          this.#tell();
          await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
          continue;
        }
        if (error instanceof ApiError && error.code === "storage_full") {
          this.error = error.message;
          this.state = "failed";
          return;
        }
        const reason = error instanceof ApiError ? plain(error.message, file.name) : "cannot be read any more";
        this.problems.push({ file: path, reason });
        return;
      }
    }
  }
}

/** Whether the file is still there: a browser tells a lost file and a lost studio alike. */
const isReadable = (file) =>
  file.slice(0, 1).arrayBuffer().then(
    () => true,
    () => false,
  );

/** The reason without the field and the name, which stand before it. */
const plain = (message, name) => message.replace(/^file: /, "").replace(`${name} `, "");
