// The start: files to be scored, how, and the sample for who has none.

import { ask, json, mayChange, read, submit, token } from './api.js';
import { announce, bytes, clock, count, el, many, score, sentence } from './dom.js';
import { jobTable } from './lists.js';
import { isVideo, keepFile } from './video.js';

/** Parameters of /score that have a field here; those of segments are also the first cut that is shown. */
const fields = [
  { name: 'fps', label: 'Frames a second', hint: 'of the video; gives events their times', type: 'number', min: 0.001, step: 'any', value: '' },
  { name: 'threshold', label: 'Threshold', hint: 'an event begins at this score', type: 'number', min: 0, max: 1, step: 'any', placeholder: '0.5' },
  { name: 'leave', label: 'Leave', hint: 'it goes on down to this', type: 'number', min: 0, max: 1, step: 'any', placeholder: 'as threshold' },
  { name: 'min_snippets', label: 'Least snippets', hint: 'of an event', type: 'number', min: 1, step: 1, placeholder: '1' },
  { name: 'merge_gap', label: 'Merge gap', hint: 'events nearer than this are one', type: 'number', min: 0, step: 1, placeholder: '0' },
  { name: 'thumbnails', label: 'Pictures', hint: "of a video's events, at most", type: 'number', min: 0, max: 32, step: 1, placeholder: '12' },
  { name: 'labels', label: 'Labels', hint: 'separated by commas, normal first', type: 'text', placeholder: "the model's own" },
];

export function homeView({ trouble }) {
  let files = [];
  let idempotency = token();
  let sending = null;

  const picker = el('input', { type: 'file', multiple: true, class: 'unseen', id: 'files', tabindex: -1, 'aria-label': 'Files to score', onchange: () => add(picker.files) });
  const choose = el('button', { type: 'button', class: 'primary', onclick: () => picker.click() }, 'Choose files');
  const sample = el('button', { type: 'button', onclick: () => sendSample() }, 'Score the sample');
  const list = el('ul', { class: 'chosen', 'aria-label': 'Chosen files' });
  const send = el('button', { type: 'button', class: 'primary', onclick: () => start(false) }, 'Score');
  const checkOnly = el('button', { type: 'button', onclick: () => start(true) }, 'Check only');
  const actions = el('div', { class: 'row', hidden: true }, send, checkOnly);
  const bar = el('progress', { max: 1, value: 0, 'aria-label': 'Upload' });
  const stop = el('button', { type: 'button', onclick: () => sending?.abort() }, 'Stop');
  const way = el('div', { class: 'row', hidden: true }, bar, el('span', { class: 'muted small', id: 'sent' }), stop);
  const said = el('div');
  const inputs = Object.fromEntries(fields.map((field) => [field.name, fieldInput(field)]));
  const model = el('select', { id: 'option-model' }, el('option', { value: '' }, 'the default'));
  const second = el('select', { id: 'option-compare' }, el('option', { value: '' }, 'none'));
  const priority = el('select', { id: 'option-priority' }, ['normal', 'low', 'high'].map((value) => el('option', { value }, value)));
  const recent = el('div', {}, el('p', { class: 'muted' }, 'Looking…'));

  const takes = el('p', { class: 'muted' }, 'Drop feature files here: .npy, .safetensors, .npz, .zip or .json, a row for every 16 frames.');
  const drop = el('section', { class: 'drop', 'aria-labelledby': 'drop-title' },
    el('h1', { id: 'drop-title' }, 'See what happened in a video'),
    takes,
    el('div', { class: 'row' }, choose, sample), picker, list, actions, way, said);
  for (const kind of ['dragover', 'dragenter']) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add('over');
    });
  }
  drop.addEventListener('dragleave', (event) => drop.contains(event.relatedTarget) || drop.classList.remove('over'));
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    add(event.dataTransfer.files);
  });

  function add(more) {
    files = [...files, ...more];
    picker.value = '';
    idempotency = token();
    showFiles();
    if (files.length) send.focus();
  }

  function showFiles() {
    list.replaceChildren(...files.map((file, index) =>
      el('li', {}, el('span', {}, file.name, ' ', el('span', { class: 'muted small' }, bytes(file.size))),
        el('button', {
          type: 'button', class: 'quiet', 'aria-label': `Remove ${file.name}`, onclick: () => {
            files.splice(index, 1);
            idempotency = token();
            showFiles();
            choose.focus();
          },
        }, 'Remove'))));
    actions.hidden = files.length === 0;
    send.textContent = files.length > 1 ? `Score ${count(files.length)} files` : 'Score';
    said.replaceChildren();
  }

  function query(extra, chosen) {
    const parameters = new URLSearchParams();
    for (const [name, input] of Object.entries(inputs)) if (input.value.trim()) parameters.set(name, input.value.trim());
    // Of features there are no pictures.
    if (!chosen.some(isVideo)) parameters.delete('thumbnails');
    else if (!parameters.has('thumbnails')) parameters.set('thumbnails', inputs.thumbnails.placeholder);
    if (model.value) parameters.set('model', model.value);
    if (second.value) parameters.set('compare', second.value);
    if (priority.value !== 'normal') parameters.set('priority', priority.value);
    for (const [name, value] of Object.entries(extra)) parameters.set(name, value);
    const text = parameters.toString();
    return text ? `?${text}` : '';
  }

  async function sendSample() {
    let blob;
    try {
      blob = await read(await ask('/page/sample.npy', { accept: '*/*', signal: ending.signal }), 'blob');
    } catch (error) {
      if (!ending.signal.aborted) said.replaceChildren(trouble(error));
      return;
    }
    // It is scored as the same file is when it is dropped; its frames a second alone are known here.
    await start(false, inputs.fps.value.trim() ? {} : { fps: '30' }, [new File([blob], 'sample.npy')], token());
  }

  async function start(isCheck, extra = {}, chosen = files, key = idempotency) {
    const form = new FormData();
    for (const file of chosen) form.append(isVideo(file) ? 'video' : 'features', file, file.name);
    said.replaceChildren();
    sending = new AbortController();
    for (const button of [choose, sample, send, checkOnly]) button.disabled = true;
    way.hidden = false;
    bar.value = 0;
    const text = way.querySelector('#sent');
    try {
      const more = isCheck ? { ...extra, validate_only: 'true' } : extra;
      const answer = await submit(form, query(more, chosen), {
        idempotency: isCheck ? token() : key, signal: sending.signal, progress: (sent, all) => {
          bar.value = all ? sent / all : 0;
          text.textContent = sent < all ? `${bytes(sent)} of ${bytes(all)}` : 'sent; the server reads it';
        },
      });
      if (ending.signal.aborted) return;
      if (isCheck) {
        said.replaceChildren(reports(answer));
        return;
      }
      go(answer, extra, chosen);
    } catch (error) {
      if (error.name !== 'AbortError' && !ending.signal.aborted) {
        said.replaceChildren(trouble(error));
        if (error.status === 415 || error.status === 422) announce(error.message);
      }
    } finally {
      way.hidden = true;
      for (const button of [choose, sample, send, checkOnly]) button.disabled = false;
    }
  }

  /** To the job or the batch, with the cut that was asked for. */
  function go(answer, extra, chosen) {
    if (answer.jobs) {
      location.hash = `#/batch/${answer.id}`;
      return;
    }
    const cut = new URLSearchParams();
    const value = (name) => extra[name] ?? inputs[name].value.trim();
    for (const [short, name] of [['t', 'threshold'], ['leave', 'leave'], ['min', 'min_snippets'], ['gap', 'merge_gap'], ['fps', 'fps']]) {
      if (value(name)) cut.set(short, value(name));
    }
    if (chosen.length === 1) keepFile(answer.id, chosen[0]);
    location.hash = `#/job/${answer.id}${cut.size ? `?${cut}` : ''}`;
  }

  const options = el('details', { class: 'card', oninput: () => (idempotency = token()) }, el('summary', {}, 'How it is scored'),
    el('div', { class: 'fields' },
      labelled('option-model', 'Model', 'by which it is scored', model),
      labelled('option-compare', 'Compare with', 'a second model', second),
      fields.map((field) => labelled(`option-${field.name}`, field.label, field.hint, inputs[field.name])),
      labelled('option-priority', 'Priority', 'its place in the queue', priority)));
  const jobs = el('section', { class: 'card', 'aria-labelledby': 'recent-title' },
    el('div', { class: 'row spread' }, el('h2', { id: 'recent-title' }, 'Recent jobs'), el('a', { href: '#/jobs' }, 'All jobs')), recent);

  const ending = new AbortController();
  let isLoaded = false;
  load();
  async function load() {
    try {
      const [models, page, server] = await Promise.all([
        json('/v1/models', { signal: ending.signal }), json('/jobs?limit=8', { signal: ending.signal }),
        json('/v1/server', { signal: ending.signal }),
      ]);
      isLoaded = true;
      takes.textContent = server.videos?.taken
        ? `Drop a video here, of up to ${bytes(server.limits.video_bytes)}; or a feature file: .npy, .safetensors, .npz, .zip or .json, a row for every 16 frames.`
        : `${takes.textContent} This server takes no videos${server.videos?.reason ? `: ${server.videos.reason}` : ''}.`;
      for (const one of models.models.filter((one) => one.state === 'ready')) {
        model.append(el('option', { value: one.name }, `${one.name}${one.default ? ' (default)' : ''}`));
        second.append(el('option', { value: one.name }, one.name));
      }
      const caveat = models.models.find((one) => one.default)?.caveat;
      if (caveat) drop.after(el('p', { class: 'notice' }, el('strong', {}, 'A demo model is served'), sentence(caveat)));
      recent.replaceChildren(page.jobs.length ? jobTable(page.jobs) : el('p', { class: 'muted' }, mayChange() ? 'None yet. Score the sample to see one.' : 'None yet.'));
    } catch (error) {
      if (!ending.signal.aborted) recent.replaceChildren(trouble(error));
    }
  }
  return {
    title: '',
    elements: mayChange() ? [drop, options, jobs] : [onlyReads(), jobs],
    close: () => {
      ending.abort();
      // What nobody looks at any more is not sent to its end, nor does it lead away from what is read then.
      sending?.abort();
    },
    signed: () => {
      said.replaceChildren();
      if (!isLoaded) load();
    },
  };
}

/** In the place of all that scores, for a key that does not. */
const onlyReads = () => el('section', { class: 'card', 'aria-labelledby': 'reads-title' }, el('h1', { id: 'reads-title' }, 'This key may only read'),
  el('p', {}, 'It shows jobs, their scores and what reviewers say of them. Nothing is scored, cancelled, judged or forgotten by it.'));

function fieldInput({ name, label, hint, ...rest }) {
  return el('input', { id: `option-${name}`, autocomplete: 'off', ...rest });
}

function labelled(id, label, hint, input) {
  input.setAttribute('aria-describedby', `${id}-hint`);
  return el('div', { class: 'field' }, el('label', { htmlFor: id }, label), input, el('span', { class: 'hint', id: `${id}-hint` }, hint));
}

/** What is as it should be does not look like a warning. */
const noticeOf = (report) => `notice ${report.warnings.length ? '' : 'good'}`.trim();

const verdictOf = ({ name }, said) => (name ? `${name}: ${said}` : said[0].toUpperCase() + said.slice(1));

/** What the server says of features that are only checked. */
function reports(answer) {
  const all = answer.reports ?? [answer];
  return el('div', { class: 'layout', role: 'status' }, all.map((report) => (report.kind === 'video' ? videoReport(report) :
    el('div', { class: noticeOf(report) },
      el('strong', {}, verdictOf(report, report.warnings.length ? 'can be scored, but looks wrong' : 'looks right')),
      el('span', {}, `${many(report.rows, 'row')} of ${report.width}, ${report.dtype}; norms ${score(report.row_norm.min)} to ${score(report.row_norm.max)}, mean ${score(report.row_norm.mean)}; ${many(report.repeated_rows, 'repeated row')}, ${many(report.zero_rows, 'zero row')}.`),
      report.warnings.map((warning) => el('p', {}, warning))))));
}

function videoReport(report) {
  const facts = [
    report.container, report.codec, report.frame_rate ? `${Number(report.frame_rate.toFixed(3))} frames a second` : null,
    report.duration_seconds ? clock(report.duration_seconds) : null,
    report.expected_frames ? many(report.expected_frames, 'frame') : null, bytes(report.bytes),
  ];
  return el('div', { class: noticeOf(report) },
    el('strong', {}, verdictOf(report, report.warnings.length ? 'can be decoded, but looks wrong' : 'can be decoded')), el('span', {}, `${facts.filter(Boolean).join(', ')}.`),
    report.warnings.map((warning) => el('p', {}, warning)));
}
