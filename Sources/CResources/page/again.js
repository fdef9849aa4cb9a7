// The same job again: other labels, another model or the cut that is shown, without an upload.

import { Refusal, ask, json, submit, token } from './api.js';
import { announce, el } from './dom.js';
import { isVideo, keepFile, keptFile } from './video.js';

/** A form for a job that has ended. `now()` gives the cut that is shown; `trouble(error)` shows what was refused. */
export function againForm(job, now, trouble) {
  const { result } = job;
  const own = result.fine.labels.join(', ');
  const labels = el('input', { id: 'again-labels', type: 'text', autocomplete: 'off', value: own });
  const fps = el('input', { id: 'again-fps', type: 'number', min: 0.001, step: 'any', autocomplete: 'off', value: '', placeholder: result.fps ?? '' });
  const model = el('select', { id: 'again-model' }, el('option', { value: '' }, `as it was: ${job.model}`));
  const go = el('button', { class: 'primary' }, 'Score again');
  const said = el('div', { role: 'status' });
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
      return await (await ask(`/jobs/${job.id}/again${query()}`, { method: 'POST', fields: { 'Idempotency-Key': `"${key}"` } })).json();
    } catch (error) {
      const file = keptFile(job.id);
      if (!(error instanceof Refusal) || error.status !== 410 || !file) throw error;
      said.replaceChildren(el('p', { class: 'muted' }, `The server keeps it no more: ${file.name} is sent again.`));
      const form = new FormData();
      form.append(isVideo(file) ? 'video' : 'features', file, file.name);
      return submit(form, query(), { idempotency: key });
    }
  }

  async function start() {
    go.disabled = true;
    said.replaceChildren();
    try {
      const made = await post();
      const file = keptFile(job.id);
      if (file) keepFile(made.id, file);
      const { threshold, leave, min, gap } = now();
      const shown = new URLSearchParams({ t: threshold, min, gap, with: job.id });
      if (leave !== null) shown.set('leave', leave);
      location.hash = `#/job/${made.id}?${shown}`;
    } catch (error) {
      said.replaceChildren(trouble(error));
      announce(error.message);
    } finally {
      key = token();
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
    onsubmit: (event) => {
      event.preventDefault();
      start();
    },
  },
  el('div', { class: 'fields' },
    field(labels, 'Labels', 'separated by commas, normal first; others than its own need a model with its text tower'),
    field(model, 'Model', 'by which it is scored'), field(fps, 'Frames a second', 'gives events their times')),
  el('p', { class: 'hint' }, 'Events are cut as they are shown above. It is a job of its own, with this one laid over it; nothing is uploaded where the server still has what it was about.'),
  el('div', { class: 'row' }, go), said);
  return el('details', { class: 'again', ontoggle: findModels }, el('summary', {}, 'Score it again'), form);
}
