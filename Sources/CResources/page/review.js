// What reviewers say of events: kept with the job, and summed up as how good each threshold would be.

import { Refusal, ask, json } from './api.js';
import { el, many, percent } from './dom.js';
import { cutEvents } from './scores.js';

export const words = { true_alarm: 'true alarm', false_alarm: 'false alarm' };
const overlap = (one, other) => Math.min(one.end, other.end) - Math.max(one.start, other.start);

/** The verdicts on a job, as the server has them. */
export class Review {
  constructor(job) {
    this.path = `/jobs/${job}/verdicts`;
    this.verdicts = [];
    this.revision = 0;
  }

  async load(signal) {
    ({ verdicts: this.verdicts, revision: this.revision } = await json(this.path, { signal }));
  }

  /** What is said of an event: the verdict that has most of it; undefined for none. */
  of(event) {
    let best;
    for (const one of this.verdicts) {
      if (one.end > event.start && one.start < event.end && (!best || overlap(one, event) > overlap(best, event))) best = one;
    }
    return best;
  }

  /** Says something of an event, or for no verdict nothing any more. Where somebody else was quicker, theirs stays beside it. */
  async say(event, verdict, note = '') {
    for (let turn = 0; ; turn += 1) {
      const former = this.of(event);
      const verdicts = this.verdicts.filter((one) => one !== former && !(one.start === event.start && one.end === event.end));
      if (verdict) verdicts.push({ start: event.start, end: event.end, verdict, label: event.label || null, note: note.trim() || null });
      try {
        const answer = await ask(this.path, {
          method: 'PUT', body: JSON.stringify({ verdicts }), fields: { 'Content-Type': 'application/json', 'If-Match': `"${this.revision}"` },
        });
        ({ verdicts: this.verdicts, revision: this.revision } = await answer.json());
        return;
      } catch (error) {
        if (!(error instanceof Refusal) || error.status !== 412 || turn === 5) throw error;
        await this.load();
      }
    }
  }
}

/** How the events of a cut were judged, and how many of the stretches with a true alarm they find. */
export function judged(scores, cut, review) {
  const events = cutEvents(scores, cut);
  const said = events.map((event) => review.of(event)?.verdict);
  const right = said.filter((one) => one === 'true_alarm').length;
  const wrong = said.filter((one) => one === 'false_alarm').length;
  const real = review.verdicts.filter((one) => one.verdict === 'true_alarm');
  const found = real.filter((one) => events.some((event) => overlap(one, event) > 0)).length;
  return { events: events.length, right, wrong, precision: right + wrong ? right / (right + wrong) : null, real: real.length, found };
}

/** Precision at each threshold, as a table. */
export function precisions(scores, cut, review) {
  const steps = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
  if (!steps.includes(cut.threshold)) steps.push(cut.threshold);
  const rows = steps.sort((a, b) => a - b).map((threshold) => ({ threshold, ...judged(scores, { ...cut, threshold }, review) }));
  const heads = ['Threshold', 'Events', 'True', 'False', 'Precision', 'True alarms found'];
  return el('div', { class: 'scroll precisions', tabindex: 0, role: 'region', 'aria-label': 'Precision at each threshold' }, el('table', {},
    el('thead', {}, el('tr', {}, heads.map((head) => el('th', { scope: 'col', class: 'number' }, head)))),
    el('tbody', {}, rows.map((row) => el('tr', { class: row.threshold === cut.threshold ? 'here' : '' },
      el('th', { scope: 'row', class: 'number' }, row.threshold.toFixed(row.threshold * 100 % 1 ? 3 : 2)),
      [row.events, row.right, row.wrong, row.precision === null ? '–' : percent(row.precision), `${row.found} of ${row.real}`]
        .map((value) => el('td', { class: 'number' }, value)))))));
}

/** Where one event is judged: two buttons and a note. `say(verdict, note)` does it. */
export function judgement(said, say) {
  const note = el('input', { id: 'verdict-note', type: 'text', maxLength: 500, autocomplete: 'off', value: said?.note ?? '', onchange: () => said && say(said.verdict, note.value) });
  const button = (verdict, key) => el('button', {
    type: 'button', 'aria-pressed': `${said?.verdict === verdict}`, 'aria-keyshortcuts': key,
    onclick: () => say(said?.verdict === verdict ? null : verdict, note.value),
  }, words[verdict][0].toUpperCase() + words[verdict].slice(1));
  const by = said && [said.by, said.at && new Date(said.at).toLocaleString()].filter(Boolean).join(', ');
  return el('div', { class: 'judgement' }, el('h3', {}, 'Your verdict'),
    el('div', { class: 'row' }, button('true_alarm', 't'), button('false_alarm', 'f'),
      el('div', { class: 'group' }, el('label', { htmlFor: 'verdict-note' }, 'Note'), note)),
    by ? el('p', { class: 'muted small' }, `Said by ${by}.`) : null);
}

/** In a sentence, how far the review is. */
export function progress({ events, right, wrong, precision }) {
  if (!right && !wrong) return `None of ${many(events, 'event')} is reviewed. Choose one and say whether it is one.`;
  return `${right + wrong} of ${many(events, 'event')} reviewed: ${right} true, ${wrong} false. Precision ${percent(precision)} at this threshold.`;
}
