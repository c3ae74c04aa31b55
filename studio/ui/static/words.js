// Numbers and states of the studio as a person reads them.

export function duration(seconds) {
  if (seconds < 1) return "under a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export function pictures(count) {
  return count === 1 ? "1 picture" : `${count.toLocaleString("en")} pictures`;
}

export function date(text) {
  return new Date(text).toLocaleDateString(undefined, { dateStyle: "medium" });
}

export function dateTime(text) {
  return new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

const ended = (job) => ["done", "failed", "cancelled"].includes(job.state);
export const isActive = (job) => !ended(job);

/** What a job is doing: a headline and the details beside it. */
export function progressOf(job, { worker, reason }) {
  const running = job.pictures.filter((picture) => picture.state === "running");
  if (job.loading !== null && job.loading < 1 && !running.some((picture) => picture.step)) {
    return { headline: `Loading ${job.recipe.checkpoint}`, details: `${Math.round(job.loading * 100)}%` };
  }
  if (job.notice) return { headline: "Waiting", details: job.notice };
  if (worker !== "ready" && !running.length) {
    const words = {
      starting: "The engine is starting; your pictures come right after",
      restarting: "The engine stopped and is starting again; nothing is lost",
      failed: `The engine cannot start: ${reason ?? "see the studio’s log"}`,
    };
    return { headline: "Waiting", details: words[worker] ?? "The engine does not answer yet" };
  }
  if (!running.length) {
    const ahead = (job.place ?? 1) - 1;
    return { headline: "Waiting", details: ahead > 0 ? `${ahead === 1 ? "1 job is" : `${ahead} jobs are`} ahead` : "next in line" };
  }
  return { headline: runningHeadline(job, running), details: runningDetails(job, running) };
}

function runningHeadline(job, running) {
  if (job.count === 1) return "Making your picture";
  const finished = job.done + job.failed;
  if (running.length === job.count) return `Making ${job.count} pictures`;
  if (running.length === 1) return `Making picture ${finished + 1} of ${job.count}`;
  return `Making pictures ${finished + 1} to ${finished + running.length} of ${job.count}`;
}

function runningDetails(job, running) {
  const slowest = running.reduce((least, picture) => (picture.step < least.step ? picture : least));
  const step = slowest.step >= slowest.steps ? "finishing" : `step ${slowest.step} of ${slowest.steps}`;
  const left = job.seconds_left !== null ? `about ${duration(Math.max(1, job.seconds_left))} left` : null;
  return [step, left].filter(Boolean).join(" · ");
}

/** How a job ended. */
export function outcomeOf(job) {
  const took =
    job.started_at && job.finished_at ? duration((new Date(job.finished_at) - new Date(job.started_at)) / 1000) : null;
  if (job.state === "done") return { headline: pictures(job.done), details: took ? `in ${took}` : "" };
  if (job.state === "cancelled") {
    return { headline: "Cancelled", details: job.done ? `${job.done} of ${pictures(job.count)} kept` : "no picture was finished" };
  }
  return { headline: "That did not work", details: job.done ? `${job.done} of ${pictures(job.count)} made` : "" };
}
