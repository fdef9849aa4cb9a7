// What runs on the other side: health, models, limits.

import { json } from './api.js';
import { bytes, count, duration, el, many, sentence, when } from './dom.js';

export function serverView({ trouble }) {
  const ending = new AbortController();
  let timer = null;
  const place = el('div', { class: 'layout' }, el('p', { class: 'muted' }, 'Looking…'));

  async function load() {
    clearTimeout(timer);
    try {
      const [server, models, health] = await Promise.all([
        json('/v1/server', { signal: ending.signal }), json('/v1/models', { signal: ending.signal }),
        // It answers 503 with the same document where something is wrong.
        json('/healthz', { signal: ending.signal, also: 503 }),
      ]);
      place.replaceChildren(facts(server, health), sharing(server), ...models.models.map(modelCard), videos(server), limits(server));
    } catch (error) {
      if (!ending.signal.aborted) place.replaceChildren(trouble(error));
    }
    if (!ending.signal.aborted) timer = setTimeout(load, 10000);
  }

  load();
  return {
    title: 'Server',
    elements: [el('h1', {}, 'Server'), place],
    signed: load,
    close: () => {
      ending.abort();
      clearTimeout(timer);
    },
  };
}

const fact = (term, value, kind = '') => el('div', { class: kind }, el('dt', {}, term), el('dd', {}, value));

function facts(server, health) {
  const isWell = health.status === 'ok';
  return el('section', { class: 'card', 'aria-labelledby': 'facts-title' }, el('h2', { id: 'facts-title' }, `Vigil ${server.version}`),
    el('dl', { class: 'facts' },
      fact('State', server.draining ? 'is leaving' : isWell ? 'well' : 'not well'),
      fact('Up for', duration(server.uptime_seconds)),
      fact('Workers', count(server.processors.workers)),
      fact('Processors', count(server.processors.quota ?? server.processors.affinity)),
      fact('Memory', bytes(server.memory.limit_bytes)),
      fact('Jobs outlast it', server.store.lasting ? 'yes' : 'no, kept in memory'),
      server.store.place ? fact('Store', server.store.place, 'broad') : null),
    el('h3', {}, 'Checks'),
    el('ul', {}, (health.checks ?? []).map((check) =>
      el('li', {}, el('strong', {}, check.name), check.ok ? ' well' : ' not well', check.detail ? el('span', { class: 'muted' }, ` – ${check.detail}`) : null))));
}

function sharing({ servers }) {
  if (!servers) return '';
  const state = (one) => (one.gone ? `silent for ${duration(one.silent_seconds)}` : one.draining ? 'is leaving' : 'well');
  return el('section', { class: 'card', 'aria-labelledby': 'sharing-title' }, el('h2', { id: 'sharing-title' }, 'Servers of this queue'),
    el('ul', {}, servers.map((one) => el('li', {}, el('strong', {}, one.name ?? 'a server'), one.self ? ' (this one)' : '',
      ` ${state(one)}`, el('span', { class: 'muted' }, ` – Vigil ${one.version || 'unknown'}, ${many(one.running, 'job')} on ${many(one.workers, 'worker')}`)))));
}

function modelCard(model) {
  return el('section', { class: 'card', 'aria-label': `Model ${model.name}` },
    el('div', { class: 'row spread' }, el('h2', {}, model.name), el('span', { class: `chip ${model.state === 'ready' ? 'succeeded' : model.state === 'failed' ? 'failed' : ''}` }, model.state)),
    model.caveat ? el('p', { class: 'notice' }, sentence(model.caveat)) : null,
    model.trained === false ? el('p', { class: 'notice bad' }, 'Its weights are random: its scores mean nothing.') : null,
    model.reason ? el('p', { class: 'notice' }, model.reason) : null,
    model.labels ? el('dl', { class: 'facts' },
      fact('Family', model.family), fact('Default', model.default ? 'yes' : 'no'), fact('Width of features', count(model.width)),
      fact('Snippets a chunk', count(model.length)), fact('Parameters', count(model.parameters)), fact('Arithmetic', model.compute),
      fact('Jobs waiting', count(model.jobs_waiting ?? 0)), fact('Loaded', when(model.loaded_at)),
      fact('SHA-256', el('code', {}, model.sha256.slice(0, 16))), fact('Labels', model.labels.join(', '), 'broad')) : null);
}

function videos({ videos: taken, limits: most }) {
  if (!taken) return '';
  return el('section', { class: 'card', 'aria-labelledby': 'videos-title' }, el('h2', { id: 'videos-title' }, 'Videos'),
    taken.taken
      ? el('dl', { class: 'facts' }, fact('Upload', bytes(most.video_bytes)), fact('ffmpeg', taken.ffmpeg), fact('Kept in by', taken.isolation))
      : el('p', {}, `None are taken${taken.reason ? `: ${taken.reason}` : ''}.`));
}

function limits({ limits: most }) {
  return el('section', { class: 'card', 'aria-labelledby': 'limits-title' }, el('h2', { id: 'limits-title' }, 'Limits'),
    el('dl', { class: 'facts' },
      fact('Upload of features', bytes(most.body_bytes)), fact('Jobs that may wait', count(most.queued_jobs)),
      fact('Uploads that may wait', bytes(most.queued_bytes)), fact('Of one client', many(most.queued_jobs_per_client, 'job')),
      fact('Connections', count(most.connections)),
      fact('Requests a second', most.requests_per_second === null ? 'any number' : count(most.requests_per_second))));
}
