// What is shown by the address: #/, #/jobs, #/job/ID?…, #/batch/ID, #/server; the theme; who is signed in.

import { Refusal, ask, mayChange, session, signIn, signOut, who } from './api.js';
import { el } from './dom.js';
import { dress } from './dress.js';
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
  if (who.key_needed && !who.key) return;
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
  const view = Object.hasOwn(views, place.name) ? views[place.name] : null;
  // An id is letters and digits; anything else would be a path of the server's.
  if (!view || !/^[0-9A-Za-z]*$/.test(place.id)) {
    main.replaceChildren(el('h1', {}, 'Nothing here'), el('p', {}, el('a', { href: '#/' }, 'To the start')));
    document.title = 'Nothing here · Vigil';
    if (!isFirst) main.focus({ preventScroll: true });
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
  if (error.type.endsWith('/role-forbids')) lookAgain();
  return el('div', { class: 'notice bad', role: 'alert' }, el('strong', {}, error.title), error.message === error.title ? null : error.message);
}

// Who is signed in

const door = document.getElementById('sign-in');
const sign = document.getElementById('sign');
const key = document.getElementById('key');
const said = document.getElementById('sign-in-said');

function openDoor() {
  if (door.open) return;
  said.textContent = '';
  door.showModal();
}
function signed(now) {
  Object.assign(who, now);
  sign.hidden = !who.key_needed;
  sign.textContent = who.key ? `Sign out ${who.key}` : 'Sign in';
}
/** What the key may do has changed since it was signed in, as it seems. */
async function lookAgain() {
  const could = mayChange();
  try {
    signed(await session());
  } catch {
    // What was refused is said already.
  }
  if (mayChange() !== could) show({ anew: true });
}
sign.addEventListener('click', async () => {
  if (!who.key) return openDoor();
  try {
    await signOut();
  } catch (error) {
    if (error.status !== 0) throw error;
  }
  begin();
});
document.getElementById('sign-in-cancel').addEventListener('click', () => door.close());
door.querySelector('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    const could = mayChange();
    signed(await signIn(key.value.trim()));
    door.close();
    // What was filled in stays, for who may send it.
    if (current?.signed && mayChange() === could) current.signed();
    else show({ anew: true });
    state();
  } catch (error) {
    said.textContent = error.status === 401 ? 'That is no key of this server, or one that is not good any more.' : error.message || error.title;
    key.focus();
  }
});
door.addEventListener('close', () => (key.value = ''));

/** Shows what the address says, to who may see it. */
async function begin() {
  try {
    signed(await session());
  } catch {
    // What is shown asks again, and tells what is wrong.
  }
  if (!who.key_needed || who.key) return show({ anew: true });
  current?.close?.();
  current = null;
  main.replaceChildren(el('h1', {}, 'Sign in'), el('p', {}, 'This server asks for an API key.'),
    el('p', {}, el('button', { type: 'button', class: 'primary', onclick: openDoor }, 'Sign in')));
  openDoor();
}

// The address is the view's, so that the way to the content is none of its own.
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});

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

dress(document.getElementById('theme'), () => current?.dressed?.());
begin();
state();
setInterval(() => document.hidden || state(), 20000);
window.addEventListener('hashchange', () => show());
