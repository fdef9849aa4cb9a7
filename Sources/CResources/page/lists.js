// All jobs with filters; a batch as a grid of small curves.

import { ask, isPassing, json, read } from './api.js';
import { colour, count, duration, el, many, nameOf, nextFrame, score, when } from './dom.js';
import { Pyramid } from './pyramid.js';
import { readArray } from './scores.js';

// Jobs that are asked for at a time.
const PAGE = 100;

export const chip = (status) => el('span', { class: `chip ${status}` }, status);
const took = (job) => (job.started_at && job.finished_at ? duration((new Date(job.finished_at) - new Date(job.started_at)) / 1000) : '');

function progressOf(job) {
  if (job.status === 'queued') return job.queue_position ? `number ${count(job.queue_position)} in the queue` : 'waits';
  if (job.status === 'running') return job.progress?.chunks ? `${job.progress.chunks_done} of ${job.progress.chunks} chunks` : job.phase ?? '';
  return job.error?.detail || job.error?.title || took(job);
}

export function jobTable(jobs) {
  return el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Table of jobs' }, el('table', {},
    el('thead', {}, el('tr', {}, ['Name', 'Status', ''].map((text) => el('th', { scope: 'col' }, text || el('span', { class: 'unseen' }, 'Progress'))),
      el('th', { scope: 'col', class: 'number wide' }, 'Snippets'), el('th', { scope: 'col', class: 'wide' }, 'Model'), el('th', { scope: 'col', class: 'wide' }, 'Made'))),
    el('tbody', {}, jobs.map((job) => el('tr', { 'data-job': job.id },
      el('td', {}, el('a', { href: `#/job/${job.id}` }, nameOf(job)), job.batch ? [' ', el('a', { class: 'small', href: `#/batch/${job.batch}` }, 'batch')] : null,
        // Where there is no room for a column of it.
        el('span', { class: 'narrow muted small' }, when(job.created_at))),
      el('td', {}, chip(job.status)),
      el('td', { class: 'muted small' }, progressOf(job)),
      el('td', { class: 'number wide' }, job.snippets ? count(job.snippets) : '–'),
      el('td', { class: 'wide' }, job.model),
      el('td', { class: 'wide muted' }, when(job.created_at)))))));
}

/** A time of an address as a field for local times has it; nothing for what is none. */
function localTime(text) {
  const time = new Date(text ?? '');
  return Number.isNaN(time.getTime()) ? '' : when(text).replace(' ', 'T');
}

export function jobsView({ query, trouble }) {
  let jobs = [];
  let next = null;
  let timer = null;
  const ending = new AbortController();
  const status = el('select', { id: 'filter-status', onchange: refilter }, el('option', { value: '' }, 'any'),
    ['queued', 'running', 'succeeded', 'failed', 'cancelled'].map((value) => el('option', { value }, value)));
  const model = el('input', { id: 'filter-model', type: 'search', placeholder: 'any', onchange: refilter, autocomplete: 'off' });
  const words = el('input', { id: 'filter-words', type: 'search', placeholder: 'in names and ids', oninput: search, autocomplete: 'off' });
  const since = el('input', { id: 'filter-since', type: 'datetime-local', onchange: refilter });
  const more = el('button', { type: 'button', hidden: true, onclick: () => load(next) }, 'Older jobs');
  const table = el('div', { 'aria-live': 'off' });
  const found = el('p', { class: 'muted small', role: 'status' });
  const refused = el('div');
  let asks = 0;
  let writing = null;
  // The address as it was read or written last.
  let known = '';
  // Of a link to a longer list: as many as one answer may have, at most.
  let least = PAGE;
  read(query);

  /** The filters as the address says. */
  function read(now) {
    known = location.hash;
    status.value = now.get('status') ?? '';
    model.value = now.get('model') ?? '';
    words.value = now.get('words') ?? '';
    // The time of this place, whatever that of who has made the link.
    since.value = localTime(now.get('since'));
    least = Math.min(1000, Math.max(PAGE, Math.floor(Number(now.get('rows'))) || 0));
  }

  /** What the server is asked for. */
  function filters(sinceName) {
    const chosen = new URLSearchParams();
    if (status.value) chosen.set('status', status.value);
    if (model.value.trim()) chosen.set('model', model.value.trim());
    if (since.value) chosen.set(sinceName, new Date(since.value).toISOString());
    return chosen;
  }

  function keepAddress(rows = Math.max(least, jobs.length)) {
    // Who is on the way elsewhere is not brought back.
    if (ending.signal.aborted || location.hash !== known) return;
    const chosen = filters('since');
    if (words.value.trim()) chosen.set('words', words.value.trim());
    if (rows > PAGE) chosen.set('rows', rows);
    history.replaceState(null, '', `#/jobs${chosen.size ? `?${chosen}` : ''}`);
    known = location.hash;
  }

  /** An address for each letter is more than some browsers take. */
  function search() {
    clearTimeout(writing);
    writing = setTimeout(keepAddress, 250);
    paint();
  }

  function refilter() {
    least = PAGE;
    keepAddress(PAGE);
    load(null);
  }

  async function load(cursor) {
    const asked = filters('created_after');
    asked.set('limit', cursor ? PAGE : least);
    if (cursor) asked.set('cursor', cursor);
    clearTimeout(timer);
    asks += 1;
    const turn = asks;
    try {
      const page = await json(`/jobs?${asked}`, { signal: ending.signal });
      // What was asked since then is what is wanted.
      if (turn !== asks) return;
      refused.replaceChildren();
      jobs = cursor ? [...jobs, ...page.jobs] : page.jobs;
      next = page.next;
      if (cursor) keepAddress();
      paint();
      // What is listed once is not asked for again while nothing in it moves, nor behind a hidden tab.
      if (!cursor && jobs.length <= PAGE) timer = setTimeout(function again() {
        if (document.hidden) timer = setTimeout(again, 3000);
        else load(null);
      }, jobs.some((job) => ['queued', 'running'].includes(job.status)) ? 2000 : 15000);
    } catch (error) {
      if (ending.signal.aborted || turn !== asks) return;
      refused.replaceChildren(trouble(error));
      if (isPassing(error)) timer = setTimeout(() => load(cursor), (error.retryAfter ?? 5) * 1000);
    }
  }

  function paint() {
    const text = words.value.trim().toLowerCase();
    const fitting = jobs.filter((job) => !text || nameOf(job).toLowerCase().includes(text) || job.id.toLowerCase().includes(text));
    const focused = table.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
    const row = focused && document.activeElement.closest('tr')?.dataset.job;
    table.replaceChildren(fitting.length ? jobTable(fitting) : el('p', { class: 'muted' }, 'No such jobs.'));
    // The list is made anew while somebody goes through it by keys.
    if (row) table.querySelector(`tr[data-job="${row}"] a[href="${CSS.escape(focused)}"]`)?.focus();
    more.hidden = !next;
    found.textContent = `${many(fitting.length, 'job')}${next ? ', and older ones' : ''}`;
  }

  load(null);
  const filter = (id, label, input) => el('div', { class: 'field' }, el('label', { htmlFor: id }, label), input);
  return {
    title: 'Jobs',
    elements: [
      el('h1', {}, 'Jobs'),
      el('section', { class: 'card', 'aria-label': 'Filters' }, el('div', { class: 'filters' },
        filter('filter-words', 'Search', words), filter('filter-status', 'Status', status), filter('filter-model', 'Model', model), filter('filter-since', 'Since', since))),
      el('section', { class: 'card', 'aria-label': 'Jobs' }, refused, found, table, more),
    ],
    moved: (now) => {
      read(now);
      load(null);
    },
    signed: () => load(null),
    close: () => {
      ending.abort();
      clearTimeout(timer);
      clearTimeout(writing);
    },
  };
}

export function batchView({ id, trouble }) {
  const ending = new AbortController();
  const cells = new Map();
  let timer = null;
  const said = el('p', { class: 'muted', role: 'status' });
  const grid = el('ul', { class: 'grid' });
  const compare = el('a', { class: 'button', hidden: true }, 'Both curves over each other');
  const place = el('div');
  const unseen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      unseen.unobserve(entry.target);
      sketch(entry.target.dataset.job);
    }
  }, { rootMargin: '200px' });

  async function sketch(job) {
    const cell = cells.get(job);
    try {
      const answer = await ask(`/jobs/${job}`, { accept: 'application/x-npy', signal: ending.signal });
      const { rows, columns, values } = readArray(await read(answer, 'arrayBuffer'));
      cell.curve = Float32Array.from({ length: rows }, (_, row) => values[row * columns]);
      cell.draw();
      cell.peak.textContent = `highest ${score(cell.curve.reduce((a, b) => Math.max(a, b), 0))}`;
    } catch (error) {
      if (ending.signal.aborted) return;
      cell.peak.textContent = 'its scores can\'t be had';
      if (isPassing(error)) setTimeout(() => ending.signal.aborted || unseen.observe(cell.element), (error.retryAfter ?? 3) * 1000);
    }
  }

  async function load() {
    clearTimeout(timer);
    try {
      const batch = await json(`/batches/${id}`, { signal: ending.signal });
      place.replaceChildren();
      const counts = Object.entries(batch.counts).filter(([, number]) => number);
      said.replaceChildren(chip(batch.status), ` ${counts.map(([status, number]) => `${count(number)} ${status}`).join(', ')}`);
      for (const job of batch.jobs) {
        let cell = cells.get(job.id);
        if (!cell) {
          cell = makeCell(job);
          cells.set(job.id, cell);
          grid.append(cell.element);
        }
        cell.status.replaceChildren(chip(job.status));
        if (job.status !== 'succeeded') cell.peak.textContent = progressOf(job);
        else if (!cell.isDone) {
          cell.isDone = true;
          unseen.observe(cell.element);
        }
      }
      const [a, b] = batch.jobs;
      if (batch.jobs.length === 2 && a.features_sha256 && a.features_sha256 === b.features_sha256 && batch.status === 'succeeded') {
        compare.href = `#/job/${a.id}?with=${b.id}`;
        compare.hidden = false;
      }
      if (['queued', 'running'].includes(batch.status)) timer = setTimeout(load, batch.jobs.length > 500 ? 5000 : 1200);
    } catch (error) {
      if (ending.signal.aborted) return;
      place.replaceChildren(trouble(error));
      if (isPassing(error)) timer = setTimeout(load, (error.retryAfter ?? 5) * 1000);
    }
  }

  load();
  return {
    title: 'Batch',
    signed: load,
    elements: [el('div', { class: 'row spread' }, el('h1', {}, 'Batch'), compare), said, place, grid],
    dressed: () => cells.forEach((cell) => cell.draw()),
    close: () => {
      ending.abort();
      unseen.disconnect();
      clearTimeout(timer);
    },
  };
}

function makeCell(job) {
  const canvas = el('canvas', { 'aria-hidden': 'true' });
  const cell = { status: el('span'), peak: el('span', { class: 'muted small' }), curve: null, isDone: false };
  cell.draw = nextFrame(() => drawSketch(canvas, cell.curve));
  cell.element = el('li', { 'data-job': job.id }, el('a', { href: `#/job/${job.id}` },
    el('span', { class: 'name' }, nameOf(job)), canvas,
    el('span', { class: 'row spread' }, cell.status, cell.peak),
    el('span', { class: 'muted small' }, `${job.model}${job.snippets ? `, ${many(job.snippets, 'snippet')}` : ''}`)));
  return cell;
}

function drawSketch(canvas, curve) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const context = canvas.getContext('2d');
  context.scale(ratio, ratio);
  context.fillStyle = colour('inset');
  context.fillRect(0, 0, width, height);
  if (!curve) return;
  const pyramid = new Pyramid(curve);
  for (let x = 0; x < width; x += 1) {
    pyramid.look((x / width) * curve.length, ((x + 1) / width) * curve.length);
    context.fillStyle = colour(pyramid.most >= 0.5 ? 'alert' : 'accent');
    context.fillRect(x, height - 1 - pyramid.most * (height - 4), 1, pyramid.most * (height - 4) + 1);
  }
}
