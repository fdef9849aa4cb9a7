// The server: who is signed in, problems in its own words, uploads with progress, events as they come.

// Beside the page, wherever a proxy has put it.
const root = new URL('..', import.meta.url);
/** The address of a path of the server. */
export const at = (path) => new URL(path.slice(1), root).href;

/** What the server refused, and why. */
export class Refusal extends Error {
  constructor(problem) {
    super(problem.detail || problem.title);
    this.title = problem.title;
    this.status = problem.status;
    this.type = problem.type ?? '';
    this.retryAfter = problem.retryAfter;
  }
}

function refusal(status, text, retryAfter) {
  let problem = {};
  try {
    problem = JSON.parse(text);
  } catch {
    // A proxy's own page says nothing that would help here.
  }
  if (typeof problem !== 'object' || problem === null || !problem.title) {
    problem = { title: `The answer was ${status}`, detail: '' };
  }
  return new Refusal({ ...problem, status, retryAfter: Number(retryAfter) || undefined });
}

/** The answer to a request, or a Refusal; one of the status `also` is an answer too. */
export async function ask(path, { method = 'GET', accept = 'application/json', signal, fields = {}, body, also } = {}) {
  let answer;
  try {
    answer = await fetch(at(path), { method, signal, body, cache: 'no-store', headers: { Accept: accept, ...fields } });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Refusal({ title: 'The server does not answer', detail: '', status: 0 });
  }
  if (answer.ok || answer.status === 304 || answer.status === also) return answer;
  throw refusal(answer.status, await answer.text().catch(() => ''), answer.headers.get('Retry-After'));
}

/** What an answer's body says, `as` json, text, blob or arrayBuffer: one that was cut off, or is a proxy's, is a Refusal too. */
export async function read(answer, as = 'json') {
  try {
    return await answer[as]();
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Refusal({ title: 'The answer broke off', detail: 'The server closed the connection, or something before it answered.', status: 0 });
  }
}

export const json = async (path, options) => read(await ask(path, options));

/** Whether what was refused may go well in a while. */
export const isPassing = (error) => error instanceof Refusal && [0, 429, 500, 502, 503, 504].includes(error.status);

/** Who is signed in, as the server has said it last. */
export const who = { key_needed: false, key: null, role: null };
/** Whether who is signed in may do more than read. */
export const mayChange = () => who.role !== 'reader';

/** Who is signed in, as the server says: the browser sends a cookie that no script sees. */
export const session = () => json('/session');
/** Has the server make a cookie for a key, which is kept nowhere. */
export const signIn = (key) => json('/session', { method: 'POST', fields: { Authorization: `Bearer ${key}` } });
export const signOut = () => ask('/session', { method: 'DELETE' });

/** Random characters, where crypto.randomUUID is not to be had: it wants https or this machine. */
export function token() {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Sends files to be scored; tells how much has gone out. The same idempotency key makes no second job. */
export function submit(body, query, { type, idempotency, progress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', at(`/score${query}`));
    request.setRequestHeader('Accept', 'application/json');
    if (type) request.setRequestHeader('Content-Type', type);
    request.setRequestHeader('Idempotency-Key', idempotency);
    request.upload.addEventListener('progress', (event) => progress?.(event.loaded, event.total));
    request.addEventListener('load', () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(refusal(request.status, request.responseText, request.getResponseHeader('Retry-After')));
    });
    request.addEventListener('error', () =>
      reject(new Refusal({ title: 'The upload broke off', detail: 'The server closed the connection, or is not there.', status: 0 })));
    request.addEventListener('abort', () => reject(new DOMException('', 'AbortError')));
    signal?.addEventListener('abort', () => request.abort());
    request.send(body);
  });
}

export const pause = (milliseconds, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()));
  });

/** What an EventSource does, and says why where it can't: calls `heard` for each event, comes back where the stream was lost. */
export async function follow(path, heard, signal) {
  let last = '';
  let fault = null;
  const tell = (kind, data) => {
    try {
      heard(kind, data);
    } catch (error) {
      fault = error;
      throw error;
    }
  };
  while (!signal.aborted) {
    let wait = 2000;
    try {
      const answer = await ask(path, {
        accept: 'text/event-stream', signal, fields: last ? { 'Last-Event-ID': last } : {},
      });
      if (answer.status === 204) return;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = '';
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        rest += value;
        const blocks = rest.split('\n\n');
        rest = blocks.pop();
        for (const block of blocks) {
          const event = { event: 'message', data: '' };
          for (const line of block.split('\n')) {
            const colon = line.indexOf(':');
            if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, '');
          }
          if (event.id !== undefined) last = event.id;
          if (event.data) tell(event.event, JSON.parse(event.data));
          if (event.event === 'end') return;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      // A mistake of this page is none of the connection's.
      if (error === fault) throw error;
      if (error instanceof Refusal && !isPassing(error)) throw error;
      wait = (error.retryAfter ?? 2) * 1000;
    }
    await pause(wait, signal);
  }
}
