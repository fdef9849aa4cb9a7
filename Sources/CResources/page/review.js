// What reviewers say of events: kept with the job, and summed up as how good each threshold would be.

import { Refusal, ask, json } from './api.js';
import { el, many, percent } from './dom.js';
import { cutEvents } from './scores.js';

export const words = { true_alarm: 'true alarm', false_alarm: 'false alarm' };
const overlap = (one, other) => Math.min(one.end, other.end) - Math.max(one.start, other.start);

/** Somebody else has said something of the same event since this page looked: nothing was changed. */
export class Overtaken extends Error {}

/** The verdicts on a job, as the server has them. */
export class Review {
  constructor(job) {
    this.path = `/jobs/${job}/verdicts`;
    this.verdicts = [];
    this.revision = 0;
    this.overtaken = 0;
    this.last = Promise.resolve();
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

  /** What gives way to a verdict on an event. */
  former(event) {
    const best = this.of(event);
    return this.verdicts.filter((one) => one === best || (one.start === event.start && one.end === event.end));
  }

  /**
   * Says something of an event, or for no verdict nothing any more; one after the other. What somebody else said of other events
   * meanwhile stays; of this event it stays too, and nothing is said: an Overtaken is thrown, and it is there to be seen.
   */
  say(event, verdict, note = '', label = event.label) {
    const seen = this.overtaken;
    const turn = this.last.then(() => this.put(event, verdict && { verdict, note: note.trim() || null, label: label || null }, seen));
    this.last = turn.catch(() => {});
    return turn;
  }

  async put(event, said, seen) {
    for (let turn = 0; ; turn += 1) {
      if (this.overtaken !== seen) throw new Overtaken();
      const former = this.former(event);
      const verdicts = this.verdicts.filter((one) => !former.includes(one));
      if (said) verdicts.push({ start: event.start, end: event.end, ...said });
      try {
        const answer = await ask(this.path, {
          method: 'PUT', body: JSON.stringify({ verdicts }), fields: { 'Content-Type': 'application/json', 'If-Match': `"${this.revision}"` },
        });
        ({ verdicts: this.verdicts, revision: this.revision } = await answer.json());
        return;
      } catch (error) {
        if (!(error instanceof Refusal) || error.status !== 412 || turn === 5) throw error;
        await this.load();
        if (JSON.stringify(this.former(event)) !== JSON.stringify(former)) this.overtaken += 1;
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

/** Where one event is judged: two buttons, its class and a note. `say(verdict, note, label)` does it; `told` is shown beside them. */
export function judgement(event, said, labels, say, told) {
  const again = () => said && say(said.verdict, note.value, label.value);
  const note = el('input', { id: 'verdict-note', type: 'text', maxLength: 500, autocomplete: 'off', value: said?.note ?? '', onchange: again });
  const own = said?.label ?? event.label;
  const label = el('select', { id: 'verdict-label', onchange: again }, (labels.includes(own) || !own ? labels : [own, ...labels]).map((value) => el('option', { value }, value)));
  label.value = own;
  const button = (verdict, key) => el('button', {
    type: 'button', 'aria-pressed': `${said?.verdict === verdict}`, 'aria-keyshortcuts': key,
    onclick: () => say(said?.verdict === verdict ? null : verdict, note.value, label.value),
  }, words[verdict][0].toUpperCase() + words[verdict].slice(1));
  const at = said?.at ? ` on ${new Date(said.at).toLocaleString()}` : '';
  return el('div', { class: 'judgement' }, el('h3', {}, 'Your verdict'),
    el('div', { class: 'row' }, button('true_alarm', 't'), button('false_alarm', 'f'),
      el('div', { class: 'group' }, el('label', { htmlFor: 'verdict-label' }, 'It is'), label),
      el('div', { class: 'group' }, el('label', { htmlFor: 'verdict-note' }, 'Note'), note)),
    told ? el('p', { class: 'notice' }, told) : null,
    said && (said.by || at) ? el('p', { class: 'muted small' }, `Said${said.by ? ` by ${said.by}` : ''}${at}. The same button takes it back.`) : null);
}

/** Where what no event shows is said: a stretch and its class. `now()` gives where the cursor is; `say(stretch, verdict)` does it. */
export class Missed {
  constructor(labels, now, say) {
    this.say = say;
    const place = (id, name) => el('input', { id, type: 'number', min: 0, step: 1, 'aria-label': name });
    const [from, to] = [place('missed-from', 'First snippet'), place('missed-to', 'Last snippet')];
    const here = (input, text) => el('button', { type: 'button', onclick: () => (input.value = now()) }, text);
    const label = el('select', { id: 'missed-label' }, labels.slice(1).map((value) => el('option', { value }, value)));
    const add = () => {
      const [start, last] = [from, to].map((input) => Math.floor(Number(input.value)));
      if (from.value && to.value && start >= 0 && last >= start) say({ start, end: last + 1, label: label.value }, 'true_alarm');
    };
    this.list = el('ul', { class: 'chosen', 'aria-label': 'Stretches that no event shows' });
    this.element = el('details', {}, el('summary', {}, 'An event was missed'), el('div', { class: 'row' },
      el('div', { class: 'group' }, from, here(from, 'begins at the cursor')), el('div', { class: 'group' }, to, here(to, 'ends at the cursor')),
      el('div', { class: 'group' }, el('label', { htmlFor: 'missed-label' }, 'It is'), label), el('button', { type: 'button', onclick: add }, 'Add')), this.list);
  }

  /** Shows the true alarms that none of the events has a part of. */
  show(events, verdicts, text) {
    const unseen = verdicts.filter((one) => one.verdict === 'true_alarm' && !events.some((event) => overlap(one, event) > 0));
    this.list.replaceChildren(...unseen.map((one) => el('li', {}, `${text(one.start)} to ${text(one.end)}: ${one.label ?? 'abnormal'}`,
      el('button', { type: 'button', class: 'quiet', 'aria-label': `Take back ${one.label ?? 'the event'} at ${text(one.start)}`, onclick: () => this.say(one, null) }, 'Take back'))));
    if (unseen.length) this.element.open = true;
  }
}

/** In a sentence, how far the review is. */
export function progress({ events, right, wrong, precision }) {
  if (!right && !wrong) return `None of ${many(events, 'event')} is reviewed. Choose one and say whether it is one.`;
  return `${right + wrong} of ${many(events, 'event')} reviewed: ${right} true, ${wrong} false. Precision ${percent(precision)} at this threshold.`;
}
