// The REST routes. Errors come out as ApiError with the sentence to show and the field it is about,
// or as Unreachable when no answer came at all.

const ROOT = new URL("api/v1/", document.baseURI);
const PATIENCE_MS = [400, 1000, 2000, 4000, 6000, 8000];

export class ApiError extends Error {
  constructor(status, { code = "http", message = `The studio answered with ${status}.`, ...details } = {}) {
    super(message);
    Object.assign(this, { status, code, details, field: details.field });
  }
}

export class Unreachable extends Error {
  constructor() {
    super("The studio does not answer. Is it still running, and are you on its network?");
  }
}

export const address = (path) => new URL(path, ROOT).href;

export function request(method, path, body) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  return answered(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
}

/** Posts a file as it is. */
export const sendFile = (path, file, signal) => answered(path, { method: "POST", body: file, signal });

async function answered(path, options) {
  let answer;
  try {
    answer = await fetch(address(path), options);
  } catch {
    throw new Unreachable();
  }
  const text = await answer.text();
  let content = {};
  try {
    content = text ? JSON.parse(text) : {};
  } catch {
    if (answer.ok) throw new Unreachable();
  }
  if (answer.status === 401) location.assign(new URL("login", document.baseURI));
  if (!answer.ok) throw new ApiError(answer.status, content.error);
  return content;
}

/** For requests that may be repeated safely: tries again while no answer comes, and says so each time. */
export async function insist(method, path, body, onWait = () => {}) {
  for (const pause of PATIENCE_MS) {
    try {
      return await request(method, path, body);
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      onWait();
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  return request(method, path, body);
}

/** An opaque id. crypto.randomUUID is missing where the page is reached by plain http over the network. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const listJobs = () => request("GET", "jobs?limit=20");
export const order = (id, recipe, count, onWait) => insist("POST", "jobs", { id, recipe, count }, onWait);
export const cancelJob = (id) => insist("DELETE", `jobs/${id}`);
export const retryJob = (id) => request("POST", `jobs/${id}/retry`);
export const previewOf = (job, picture) => address(`jobs/${job.id}/preview/${picture.index}?v=${picture.preview_version}`);
export const status = () => request("GET", "status");
export const models = () => request("GET", "models");
