// What is shown by the address: #/, #/jobs, #/job/ID?…, #/batch/ID, #/server; the theme; the key.

import { Refusal, ask, hasKey, useKey } from './api.js';
import { el, forgetColours } from './dom.js';
import { forgetColours as forgetHeat } from './heat.js';
import { jobView } from './job.js';
import { batchView, jobsView } from './lists.js';
import { serverView } from './server.js';
import { homeView } from './upload.js';

const main = document.getElementById('main');
const views = { '': homeView, jobs: jobsView, job: jobView, batch: batchView, server: serverView };
let current = null;
let shown = null;

/** `#/job/ID?t=0.5` as its parts. */
function address() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [name = '', id = ''] = path.split('/');
  return { name, id, query: new URLSearchParams(query), path };
}

async function show({ anew = false } = {}) {
  const place = address();
  if (location.hash === '#main') return;
  if (!anew && current && shown === place.path) {
    current.moved?.(place.query);
    return;
  }
  const isFirst = shown === null;
  current?.close?.();
  current = null;
  shown = place.path;
  for (const link of document.querySelectorAll('nav a')) {
    const isHere = link.getAttribute('href') === `#/${place.name === 'batch' || place.name === 'job' ? 'jobs' : place.name}`;
    if (isHere) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  const view = views[place.name];
  // An id is letters and digits; anything else would be a path of the server's.
  if (!view || !/^[0-9A-Za-z]*$/.test(place.id)) {
    main.replaceChildren(el('h1', {}, 'Nothing here'), el('p', {}, el('a', { href: '#/' }, 'To the start')));
    return;
  }
  const begun = view({ id: place.id, query: place.query, trouble });
  current = begun;
  main.replaceChildren(...begun.elements);
  document.title = begun.title ? `${begun.title} · Vigil` : 'Vigil';
  if (!isFirst) main.focus({ preventScroll: true });
  if (!isFirst) window.scrollTo(0, 0);
}

/** A refusal as something to read; one for want of a key opens the door. */
export function trouble(error) {
  if (!(error instanceof Refusal)) throw error;
  if (error.status === 401) openDoor();
  return el('div', { class: 'notice bad', role: 'alert' }, el('strong', {}, error.title), error.message === error.title ? null : error.message);
}

// The key

const door = document.getElementById('sign-in');
const sign = document.getElementById('sign');
function openDoor() {
  sign.hidden = false;
  if (!door.open) door.showModal();
}
function signed() {
  sign.textContent = hasKey() ? 'Key' : 'Sign in';
  if (hasKey()) sign.hidden = false;
}
sign.addEventListener('click', openDoor);
door.addEventListener('close', () => {
  const input = document.getElementById('key');
  if (door.returnValue === 'in') useKey(input.value);
  if (door.returnValue === 'out') useKey('');
  input.value = '';
  signed();
  if (door.returnValue) {
    show({ anew: true });
    state();
  }
  door.returnValue = '';
});

// The theme

const dark = matchMedia('(prefers-color-scheme: dark)');
const theme = document.getElementById('theme');
function dress() {
  const chosen = localStorage.getItem('vigil-theme');
  document.documentElement.dataset.theme = chosen ?? (dark.matches ? 'dark' : 'light');
  theme.textContent = `Theme: ${chosen ?? 'auto'}`;
  forgetColours();
  forgetHeat();
  current?.dressed?.();
}
theme.addEventListener('click', () => {
  const next = { auto: 'light', light: 'dark', dark: 'auto' }[localStorage.getItem('vigil-theme') ?? 'auto'];
  if (next === 'auto') localStorage.removeItem('vigil-theme');
  else localStorage.setItem('vigil-theme', next);
  dress();
});
dark.addEventListener('change', dress);

// Whether the server is well

async function state() {
  const place = document.getElementById('state');
  try {
    await ask('/readyz');
    place.textContent = '';
  } catch (error) {
    place.textContent = error.status === 503 ? 'Server not ready' : error.status === 0 ? 'Server not there' : '';
  }
}

dress();
signed();
show();
state();
setInterval(() => document.hidden || state(), 20000);
window.addEventListener('hashchange', () => show());
