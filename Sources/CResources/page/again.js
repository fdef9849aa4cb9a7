// The same job again: other labels, another model or the cut that is shown, without an upload.

import { Refusal, ask, json, read, submit, token } from './api.js';
import { announce, el } from './dom.js';
import { isVideo, keepFile, keptFile } from './video.js';

/** A form for a job that has ended. `now()` gives the cut that is shown; `trouble(error)` shows what was refused; `signal` ends it. */
export function againForm(job, now, trouble, signal) {
  const { result } = job;
  const own = result.fine.labels.join(', ');
  const labels = el('input', { id: 'again-labels', type: 'text', autocomplete: 'off', value: own });
  const fps = el('input', { id: 'again-fps', type: 'number', min: 0.001, step: 'any', autocomplete: 'off', value: '', placeholder: result.fps ?? '' });
  const model = el('select', { id: 'again-model' }, el('option', { value: '' }, `as it was: ${job.model}`));
  const go = el('button', { class: 'primary' }, 'Score again');
  const said = el('div', { role: 'status' });
  const picker = el('input', {
    type: 'file', id: 'again-file', onchange: () => {
      if (!picker.files[0]) return;
      keepFile(job.id, picker.files[0]);
      start();
    },
  });
  let key = token();

  function query() {
    const parameters = new URLSearchParams();
    const { threshold, leave, min, gap } = now();
    if (labels.value.trim() && labels.value.trim() !== own) parameters.set('labels', labels.value.split(',').map((one) => one.trim()).join(','));
    if (fps.value.trim()) parameters.set('fps', fps.value.trim());
    if (model.value) parameters.set('model', model.value);
    const cut = { threshold, leave: leave ?? threshold, min_snippets: min, merge_gap: gap };
    for (const [name, value] of Object.entries(cut)) parameters.set(name, value);
    return `?${parameters}`;
  }

  /** The answer; where the server has the features no more and this page the file, that is sent once more. */
  async function post() {
    try {
      return await read(await ask(`/jobs/${job.id}/again${query()}`, { method: 'POST', signal, fields: { 'Idempotency-Key': `"${key}"` } }));
    } catch (error) {
      const file = keptFile(job.id);
      if (!(error instanceof Refusal) || error.status !== 410 || !file) throw error;
      said.replaceChildren(el('p', { class: 'muted' }, `The server keeps it no more: ${file.name} is sent again.`));
      const form = new FormData();
      form.append(isVideo(file) ? 'video' : 'features', file, file.name);
      return submit(form, query(), { idempotency: key, signal });
    }
  }

  async function start() {
    go.disabled = true;
    said.replaceChildren();
    try {
      const made = await post();
      key = token();
      if (signal.aborted) return;
      const file = keptFile(job.id);
      if (file) keepFile(made.id, file);
      const { threshold, leave, min, gap } = now();
      const shown = new URLSearchParams({ t: threshold, min, gap, with: job.id });
      if (leave !== null) shown.set('leave', leave);
      if (fps.value.trim() || result.fps) shown.set('fps', fps.value.trim() || result.fps);
      location.hash = `#/job/${made.id}?${shown}`;
    } catch (error) {
      if (signal.aborted) return;
      // Without an answer it may be there already: the same key makes no second one.
      if (error.status) key = token();
      if (error.status === 410) {
        said.replaceChildren(el('div', { class: 'notice' }, el('strong', {}, 'The server keeps its features no more'),
          el('label', { htmlFor: picker.id }, 'Choose the file that it was made of: '), picker));
        picker.focus();
        return;
      }
      said.replaceChildren(trouble(error));
      announce(error.message);
    } finally {
      go.disabled = false;
    }
  }

  async function findModels() {
    if (model.options.length > 1) return;
    try {
      const { models } = await json('/v1/models');
      for (const one of models) {
        if (one.state === 'ready' && model.options.length <= models.length) model.append(el('option', { value: one.name }, one.name));
      }
    } catch (error) {
      said.replaceChildren(trouble(error));
    }
  }

  const field = (input, label, hint) => {
    input.setAttribute('aria-describedby', `${input.id}-hint`);
    return el('div', { class: 'field' }, el('label', { htmlFor: input.id }, label), input, el('span', { class: 'hint', id: `${input.id}-hint` }, hint));
  };
  const form = el('form', {
    oninput: () => (key = token()),
    onsubmit: (event) => {
      event.preventDefault();
      start();
    },
  },
  el('div', { class: 'fields' },
    field(labels, 'Labels', 'separated by commas, normal first; others than its own need a model with its text tower'),
    field(model, 'Model', 'by which it is scored'), field(fps, 'Frames a second', 'gives events their times')),
  el('p', { class: 'hint' }, 'Events are cut as they are shown above. It is a job of its own, with this one laid over it; nothing is uploaded where the server still has what it was about, or this page has its file; else the file is asked for.'),
  el('div', { class: 'row' }, go), said);
  return el('details', { class: 'again', ontoggle: findModels }, el('summary', {}, 'Score it again'), form);
}
