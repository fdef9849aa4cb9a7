/**
 * Client of a Vigil server, for browsers and Node 18 or later: fetch and nothing else.
 *
 *     const vigil = new Vigil("http://127.0.0.1:8080");
 *     const result = await vigil.score(file, { fps: 30 });
 */

export type Status = "queued" | "running" | "succeeded" | "failed" | "cancelled";

/** A part of a video that is out of the ordinary; `end` is the first snippet behind it. */
export interface Segment {
  start: number;
  end: number;
  start_seconds: number | null;
  end_seconds: number | null;
  label: string;
  score: number;
}

/** The scores of a video, a row for each snippet. */
export interface Result {
  model: string;
  snippets: number;
  fps: number | null;
  coarse: number[];
  fine: { labels: string[]; scores: number[][] };
  logits?: { coarse: number[]; fine: number[][] };
  video: { coarse: number; label: string; scores: Record<string, number> };
  segments: Segment[];
  [more: string]: unknown;
}

export interface Job {
  id: string;
  status: Status;
  name?: string;
  created_at: string;
  queue_position: number | null;
  estimated_seconds: number | null;
  progress: { chunks_done: number; chunks: number | null };
  model: string;
  warnings: string[];
  result: Result | null;
  error: { type: string; title: string; detail: string } | null;
  [more: string]: unknown;
}

/** Jobs that were made by one request; they come without their results. */
export interface Batch {
  id: string;
  status: Status;
  jobs: Job[];
  [more: string]: unknown;
}

/** Something that has happened to a job. */
export type JobEvent =
  | { event: "status" | "end"; id: string; data: Job }
  | { event: "progress"; id: string; data: { chunks_done: number; chunks: number | null } }
  | {
      event: "scores";
      id: string;
      data: { chunk: number; start: number; end: number; coarse: number[]; fine: { labels: string[]; scores: number[][] } };
    };

/** The parameters of `POST /score`; openapi.yaml says what each means. */
export interface ScoreOptions {
  model?: string | string[];
  compare?: string;
  labels?: string[];
  fps?: number | string;
  threshold?: number;
  leave?: number;
  min_snippets?: number;
  merge_gap?: number;
  logits?: boolean;
  priority?: "low" | "normal" | "high";
  deadline?: number | string;
  callback?: string;
  camera?: string;
  name?: string;
  crop?: number | "mean";
  pool?: "mean" | "first" | "middle";
  cadence?: "frames" | "time";
  tail?: "drop" | "keep";
  thumbnails?: number;
}

/** The parameters of `POST /jobs/ID/again`: what is not given is as the job had it. */
export interface AgainOptions
  extends Pick<
    ScoreOptions,
    "labels" | "fps" | "threshold" | "leave" | "min_snippets" | "merge_gap" | "logits" | "priority" | "deadline" | "callback" | "camera" | "name"
  > {
  model?: string;
}

/** What can be sent: a file of a browser, or bytes of one. */
export type Source = Blob | ArrayBuffer | Uint8Array;

/** How one call is to be done. */
export interface CallOptions {
  signal?: AbortSignal;
  /** The request's own name: the same makes no second job. One of chance by default. */
  idempotencyKey?: string;
}

/** The server has refused a request (RFC 9457). */
export class Problem extends Error {
  readonly status: number;
  readonly type?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly instance?: string;

  constructor(status: number, members: Record<string, unknown>) {
    const text = (name: string): string | undefined => {
      const value = members[name];
      return typeof value === "string" ? value : undefined;
    };
    super(`${status}: ${text("detail") ?? text("title") ?? "the server gave no reason"}`);
    this.name = "Problem";
    this.status = status;
    this.type = text("type");
    this.title = text("title");
    this.detail = text("detail");
    this.instance = text("instance");
  }
}

/** A job has ended without a result. */
export class JobFailed extends Error {
  readonly job: Job;

  constructor(job: Job) {
    super(`job ${job.id} ${job.status}: ${job.error?.detail ?? job.error?.title ?? "no reason is given"}`);
    this.name = "JobFailed";
    this.job = job;
  }
}

/** No answer came for as long as was tried, or one that no Vigil gives. */
export class VigilError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "VigilError";
  }
}

const PASSING = new Set([408, 429, 502, 503, 504]);
const HOLD = 30;
const LOOK = 5;
const LARGEST_ANSWER = 512 * 1024 * 1024;
const LARGEST_EVENT = 64 * 1024 * 1024;
const FIRST_LOOK = 5_000;

export interface VigilOptions {
  apiKey?: string;
  /** Milliseconds that a request is sent again for while it is refused for being too many, or its connection is lost. */
  patience?: number;
  /** In place of the platform's own. */
  fetch?: typeof fetch;
}

/** A server, by its URL. */
export class Vigil {
  private readonly url: string;
  private readonly apiKey?: string;
  private readonly patience: number;
  private readonly fetch: typeof fetch;
  private hasAnswered = false;

  constructor(url: string = "http://127.0.0.1:8080", options: VigilOptions = {}) {
    this.url = url.replace(/\/+$/, "");
    this.apiKey = options.apiKey;
    this.patience = options.patience ?? 600_000;
    this.fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  }

  /** Makes a job of features or a video. */
  async submit(source: Source, options: ScoreOptions = {}, call: CallOptions = {}): Promise<Job> {
    const found = (await this.post([source], options, call)) as Job | Batch;
    if ("jobs" in found) throw new VigilError("the server made a batch of it: submitBatch is for several");
    return job(found);
  }

  /** Makes a job of each source, and each model, taken whole or not at all. */
  async submitBatch(sources: Source[], options: ScoreOptions = {}, call: CallOptions = {}): Promise<Batch> {
    const found = (await this.post(sources, options, call)) as Job | Batch;
    if ("jobs" in found && Array.isArray(found.jobs)) {
      found.jobs.forEach(job);
      return found as Batch;
    }
    return { id: job(found as Job).id, status: (found as Job).status, jobs: [found as Job] };
  }

  /** Has a source scored and waits for the result; throws JobFailed where there is none. */
  async score(source: Source, options: ScoreOptions = {}, call: CallOptions = {}): Promise<Result> {
    return this.result(await this.submit(source, options, call), call);
  }

  /** What the server says of features; nothing is queued. */
  async report(source: Source, options: ScoreOptions = {}, call: CallOptions = {}): Promise<Record<string, unknown>> {
    return this.post([source], { ...options, validate_only: true } as ScoreOptions, call);
  }

  /** Makes a job of what another one was about, with other labels, model or cut, without sending it. */
  async scoreAgain(of: Job | string, options: AgainOptions = {}, call: CallOptions = {}): Promise<Job> {
    const headers = { "Idempotency-Key": `"${call.idempotencyKey ?? word()}"` };
    return job((await this.json("POST", `/jobs/${identifier(of)}/again?${parameters(options)}`, { headers }, call)) as Job);
  }

  /** The job as it is now, with its result where it has one. */
  async job(of: Job | string, call: CallOptions = {}): Promise<Job> {
    return job((await this.json("GET", `/jobs/${identifier(of)}`, {}, call)) as Job);
  }

  /** Waits for a job's end, whichever that is. */
  async wait(of: Job | string, call: CallOptions = {}): Promise<Job> {
    for (;;) {
      const found = job((await this.json("GET", `/jobs/${identifier(of)}?wait=${HOLD}`, {}, call)) as Job);
      if (hasEnded(found)) return found;
    }
  }

  /** Waits for a job's result; throws JobFailed where it ends without one. */
  async result(of: Job | string, call: CallOptions = {}): Promise<Result> {
    const found = await this.wait(of, call);
    if (found.result === null || found.result === undefined) throw new JobFailed(found);
    return found.result;
  }

  /** The scores of a job that has succeeded, as the bytes of an .npy file [T, 1 + classes]. */
  async npy(of: Job | string, call: CallOptions = {}): Promise<Uint8Array> {
    const init = { headers: { Accept: "application/x-npy" } };
    return (await this.send("GET", `/jobs/${identifier(of)}`, init, call)).body;
  }

  /** What happens to a job until its end; a stream that breaks is gone on with where it broke. */
  async *events(of: Job | string, call: CallOptions & { lastEventId?: string } = {}): AsyncGenerator<JobEvent> {
    let last = call.lastEventId ?? "";
    let tries = new Tries(this.patience, this.hasAnswered);
    for (;;) {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (last) headers["Last-Event-ID"] = last;
      let pause: number;
      try {
        const answer = await this.request("GET", `/jobs/${identifier(of)}/events`, { headers }, call);
        if (PASSING.has(answer.status)) {
          pause = tries.after(answer) ?? fail(await problem(answer));
        } else {
          if (answer.status === 204) return;
          if (answer.status !== 200 || !answer.body) throw await problem(answer);
          const reader = answer.body.getReader();
          try {
            for await (const event of parse(reader, last)) {
              last = event.id;
              tries = new Tries(this.patience, true);
              yield event;
              if (event.event === "end") return;
            }
          } finally {
            reader.cancel().catch(() => undefined);
          }
          pause = tries.failed(new TypeError("the stream ended before the job had"));
        }
      } catch (error) {
        pause = tries.failed(error);
      }
      await sleep(pause, call.signal);
    }
  }

  /** Cancels a job that has not ended; one that has is left as it is. */
  async cancel(of: Job | string, call: CallOptions = {}): Promise<Job> {
    const end = Date.now() + this.patience;
    let found = await this.job(of, call);
    let look = LOOK;
    while (!hasEnded(found)) {
      let answer: Response;
      try {
        // One that ends in this very moment stays.
        answer = await this.request("DELETE", `/jobs/${found.id}?forget=false`, {}, call);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        // It may have been heard, and what runs ends at its next chunk.
        found = job((await this.json("GET", `/jobs/${found.id}?wait=${look}`, {}, call)) as Job);
        look = Math.min(2 * look, HOLD);
        if (!hasEnded(found) && Date.now() > end) throw new VigilError("the connection was lost each time that the job was to be cancelled");
        continue;
      }
      if (!answer.ok) throw await problem(answer);
      return job((await answer.json()) as Job);
    }
    return found;
  }

  /** The jobs, newest first; they come without their results. */
  async *jobs(wanted: { status?: Status; batch?: string; model?: string } = {}, call: CallOptions = {}): AsyncGenerator<Job> {
    const query = new URLSearchParams({ ...wanted, limit: "1000" } as Record<string, string>);
    for (;;) {
      const page = (await this.json("GET", `/jobs?${query}`, {}, call)) as { jobs?: Job[]; next?: string | null };
      if (!Array.isArray(page.jobs)) throw new VigilError("the answer is no list of jobs");
      for (const one of page.jobs) yield job(one);
      if (!page.next || page.jobs.length === 0) return;
      query.set("cursor", page.next);
    }
  }

  /** A batch, after its end or so many seconds. */
  async batch(of: Batch | string, wait = 0, call: CallOptions = {}): Promise<Batch> {
    const found = (await this.json("GET", `/batches/${identifier(of)}?wait=${wait}`, {}, call)) as Batch;
    if (!Array.isArray(found.jobs)) throw new VigilError("the answer is no batch");
    found.jobs.forEach(job);
    return found;
  }

  private post(sources: Source[], options: ScoreOptions, call: CallOptions): Promise<Record<string, unknown>> {
    const query = parameters(options);
    const form = new FormData();
    for (const source of sources) {
      const blob = source instanceof Blob ? source : new Blob([source]);
      const name = (source as { name?: unknown }).name;
      const isVideo = blob.type.startsWith("video/");
      form.append(isVideo ? "video" : "features", blob, typeof name === "string" ? name : isVideo ? "video" : "features");
    }
    const headers: Record<string, string> = {};
    if (!query.has("validate_only")) headers["Idempotency-Key"] = `"${call.idempotencyKey ?? word()}"`;
    return this.json("POST", `/score?${query}`, { headers, body: form }, call);
  }

  private async json(method: string, path: string, init: RequestInit, call: CallOptions): Promise<Record<string, unknown>> {
    return object((await this.send(method, path, init, call)).body);
  }

  private async send(method: string, path: string, init: RequestInit, call: CallOptions): Promise<{ body: Uint8Array }> {
    const tries = new Tries(this.patience, this.hasAnswered);
    for (;;) {
      let pause: number | null = null;
      try {
        const answer = await this.request(method, path, init, call);
        pause = tries.after(answer);
        if (pause === null) {
          if (!answer.ok) throw await problem(answer);
          const body = await bounded(answer, LARGEST_ANSWER);
          this.hasAnswered = true;
          return { body };
        }
        await answer.body?.cancel();
      } catch (error) {
        pause = tries.failed(error);
      }
      await sleep(pause, call.signal);
    }
  }

  private request(method: string, path: string, init: RequestInit, call: CallOptions): Promise<Response> {
    const headers = new Headers({ Accept: "application/json", ...(init.headers as Record<string, string>) });
    if (this.apiKey !== undefined) headers.set("Authorization", `Bearer ${this.apiKey}`);
    return this.fetch(this.url + path, { ...init, method, headers, signal: call.signal, redirect: "error", cache: "no-store" });
  }
}

/** The pauses between the tries of one request. */
class Tries {
  private count = 0;
  private begun?: number;
  private limit: number;

  constructor(private readonly patience: number, hasAnswered: boolean) {
    this.limit = hasAnswered ? patience : Math.min(patience, FIRST_LOOK);
  }

  /** The pause after an answer; null where it counts as it is. */
  after(answer: Response): number | null {
    if (!PASSING.has(answer.status)) return null;
    this.limit = this.patience;
    const text = answer.headers.get("Retry-After") ?? "";
    const date = Date.parse(text) - Date.now();
    const asked = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Number.isNaN(date) ? undefined : Math.max(0, date);
    return this.pause(asked);
  }

  /** The pause after what was thrown; throws it where another try does not help. */
  failed(error: unknown): number {
    // What fetch throws where the network fails; a browser says no more of it.
    if (!(error instanceof TypeError)) throw error;
    const pause = this.pause();
    if (pause === null) throw new VigilError(`no answer: ${String((error as { cause?: unknown }).cause ?? error.message)}`);
    return pause;
  }

  private pause(asked?: number): number | null {
    const whole = Math.min(250 * 2 ** Math.min(this.count, 10), 30_000);
    this.count += 1;
    const pause = asked === undefined ? whole * (0.5 + Math.random() / 2) : asked + (Math.min(whole, 1000) * Math.random()) / 2;
    const now = Date.now();
    this.begun ??= now;
    return now + pause - this.begun > this.limit ? null : pause;
  }
}

/** Options as they stand in a query. */
function parameters(options: ScoreOptions): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || value === null) continue;
    if (name === "model" && Array.isArray(value)) value.forEach((one) => query.append(name, String(one)));
    else query.append(name, Array.isArray(value) ? value.join(",") : String(value));
  }
  return query;
}

function fail(error: Error): never {
  throw error;
}

function word(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const give = () => {
      clearTimeout(timer);
      reject(signal?.reason ?? new Error("aborted"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", give);
      resolve();
    }, milliseconds);
    if (signal?.aborted) give();
    else signal?.addEventListener("abort", give, { once: true });
  });
}

function identifier(of: { id: string } | string): string {
  const id = typeof of === "string" ? of : of.id;
  if (!/^[0-9A-Z]{26}$/.test(id)) throw new VigilError(`'${String(id).slice(0, 40)}' is no id of a job`);
  return id;
}

function job(found: Job): Job {
  identifier(found);
  if (!["queued", "running", "succeeded", "failed", "cancelled"].includes(found.status)) {
    throw new VigilError("the answer is no job");
  }
  return found;
}

function hasEnded(found: Job): boolean {
  return found.status !== "queued" && found.status !== "running";
}

function object(body: Uint8Array): Record<string, unknown> {
  let found: unknown;
  try {
    found = JSON.parse(new TextDecoder().decode(body));
  } catch (error) {
    throw new VigilError(`the answer is no JSON: ${String(error)}`);
  }
  if (typeof found !== "object" || found === null || Array.isArray(found)) throw new VigilError("the answer is no JSON object");
  return found as Record<string, unknown>;
}

async function problem(answer: Response): Promise<Problem> {
  try {
    return new Problem(answer.status, object(await bounded(answer, 65_536)));
  } catch (error) {
    if (error instanceof TypeError) throw error;
    return new Problem(answer.status, {});
  }
}

async function bounded(answer: Response, largest: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = answer.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > largest) {
      reader.cancel().catch(() => undefined);
      throw new VigilError(`the answer has more than ${largest} bytes`);
    }
    parts.push(value);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Takes server-sent events off a stream as its bytes come. */
async function* parse(reader: ReadableStreamDefaultReader<Uint8Array>, last: string): AsyncGenerator<JobEvent> {
  const decoder = new TextDecoder();
  // The line that has begun: looked through once, however many reads it takes.
  let begun = "";
  let name = "";
  let id = last;
  let data: string[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = decoder.decode(value, { stream: true }).split("\n");
    const rest = lines.pop() ?? "";
    if (lines.length > 0) {
      lines[0] = begun + lines[0];
      begun = "";
    }
    begun += rest;
    if (begun.length + size > LARGEST_EVENT) throw new VigilError(`an event has more than ${LARGEST_EVENT} characters`);
    for (const text of lines) {
      const line = text.endsWith("\r") ? text.slice(0, -1) : text;
      if (line === "") {
        if (data.length > 0) yield { event: name, id, data: object(new TextEncoder().encode(data.join("\n"))) } as unknown as JobEvent;
        name = "";
        data = [];
        size = 0;
        continue;
      }
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon);
      const found = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "data") {
        data.push(found);
        size += found.length;
      } else if (field === "event") name = found;
      else if (field === "id" && /^[!-~]{0,256}$/.test(found)) id = found;
    }
  }
}
