// What reviewers say of events: kept with the job, and summed up as how good each threshold would be.

import { Refusal, ask, json, read } from './api.js';
import { count, el, many, percent, when } from './dom.js';
import { cutRuns } from './scores.js';

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

  /** What is said by now. It takes its turn with what is said: an answer that is late would take that back. */
  load(signal) {
    return this.inTurn(() => this.look(signal));
  }

  inTurn(action) {
    const turn = this.last.then(action);
    this.last = turn.catch(() => {});
    return turn;
  }

  async look(signal) {
    ({ verdicts: this.verdicts, revision: this.revision } = await json(this.path, { signal }));
  }

  /** By where they begin; sorted once for each answer of the server's. */
  get sorted() {
    if (this.sortedOf !== this.verdicts) {
      this.sortedOf = this.verdicts;
      this.inOrder = [...this.verdicts].sort((a, b) => a.start - b.start);
    }
    return this.inOrder;
  }

  /** What is said of an event: the verdict that has most of it; undefined for none. */
  of(event) {
    return this.along([event])[0];
  }

  /** The same of many events, which are in order: one walk along both, since there may be tens of thousands and each key asks for all. */
  along(events) {
    const { sorted } = this;
    let next = 0;
    let open = [];
    return events.map((event) => {
      const { start, end } = event;
      if (open.some((one) => one.end <= start)) open = open.filter((one) => one.end > start);
      for (; next < sorted.length && sorted[next].start < end; next += 1) if (sorted[next].end > start) open.push(sorted[next]);
      let best;
      for (const one of open) if (!best || overlap(one, event) > overlap(best, event)) best = one;
      return best;
    });
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
    return this.inTurn(() => this.put(event, verdict && { verdict, note: note.trim() || null, label: label || null }, seen));
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
        ({ verdicts: this.verdicts, revision: this.revision } = await read(answer));
        return;
      } catch (error) {
        if (!(error instanceof Refusal) || error.status !== 412 || turn === 5) throw error;
        await this.look();
        if (JSON.stringify(this.former(event)) !== JSON.stringify(former)) this.overtaken += 1;
      }
    }
  }
}

/** How events were judged, and how many of the stretches with a true alarm they find. */
export function judged(events, review) {
  const said = review.along(events);
  const right = said.filter((one) => one?.verdict === 'true_alarm').length;
  const wrong = said.filter((one) => one?.verdict === 'false_alarm').length;
  const real = review.sorted.filter((one) => one.verdict === 'true_alarm');
  const found = real.length - unmet(real, events).length;
  return { events: events.length, right, wrong, precision: right + wrong ? right / (right + wrong) : null, real: real.length, found };
}

/** Those of stretches, in the order of their starts, that none of the events has a part of. */
function unmet(stretches, events) {
  let at = 0;
  return stretches.filter((one) => {
    while (at < events.length && events[at].end <= one.start) at += 1;
    return at === events.length || events[at].start >= one.end;
  });
}

/** Precision at each threshold. What was counted is known until a verdict comes, and what is counted until events are cut by another rule. */
export class Precisions {
  of(scores, cut, review, threshold) {
    const rule = [cut.leave, cut.min, cut.gap].join(' ');
    if (this.rule !== rule || this.scores !== scores) [this.rule, this.scores, this.runs, this.known] = [rule, scores, new Map(), new Map()];
    if (this.revision !== review.revision) [this.revision, this.known] = [review.revision, new Map()];
    if (!this.runs.has(threshold)) this.runs.set(threshold, cutRuns(scores, { ...cut, threshold }));
    if (!this.known.has(threshold)) this.known.set(threshold, judged(this.runs.get(threshold), review));
    return this.known.get(threshold);
  }

  /** As a table; `now` is of the threshold that is shown. */
  table(scores, cut, review, now) {
    const steps = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
    if (!steps.includes(cut.threshold)) steps.push(cut.threshold);
    return tableOf(cut, steps.sort((a, b) => a - b).map((threshold) => ({ threshold, ...(threshold === cut.threshold ? now : this.of(scores, cut, review, threshold)) })));
  }
}

function tableOf(cut, rows) {
  const heads = ['Threshold', 'Events', 'True', 'False', 'Precision', 'True alarms found'];
  return el('div', { class: 'scroll precisions', tabindex: 0, role: 'region', 'aria-label': 'Precision at each threshold' }, el('table', {},
    el('thead', {}, el('tr', {}, heads.map((head) => el('th', { scope: 'col', class: 'number' }, head)))),
    el('tbody', {}, rows.map((row) => el('tr', { class: row.threshold === cut.threshold ? 'here' : '' },
      el('th', { scope: 'row', class: 'number' }, row.threshold.toFixed(row.threshold * 100 % 1 ? 3 : 2)),
      [row.events, row.right, row.wrong, row.precision === null ? '–' : percent(row.precision), `${row.found} of ${row.real}`]
        .map((value) => el('td', { class: 'number' }, value)))))));
}

/** What somebody has filled in of events and the server does not have: it stays while what is around it is made anew. */
export class Drafts {
  constructor() {
    this.all = [];
  }

  /** Of an event: `note` and `label` where they were changed, and `refused`, the verdict that was overtaken; null in it for one taken back. */
  of(event) {
    return this.all.find((one) => overlap(one, event) > 0);
  }

  fill(event, more) {
    let draft = this.of(event);
    if (!draft) this.all.push(draft = { start: event.start, end: event.end });
    Object.assign(draft, more);
  }

  /** The server has a verdict now, with this note. What was typed since it was sent stays. */
  took(event, note) {
    const draft = this.of(event);
    if (draft?.note !== undefined && draft.note !== note) delete draft.refused;
    else this.drop(event);
  }

  drop(event) {
    const gone = this.of(event);
    this.all = this.all.filter((one) => one !== gone);
  }
}

/** What a verdict says, in a sentence's end. */
export const sayingOf = (said) => (said?.verdict
  ? `${words[said.verdict]}${said.label ? `, ${said.label}` : ''}${said.by ? `, says ${said.by}` : ''}${said.note ? `: “${said.note}”` : ''}` : 'nothing is said of it');

/**
 * Where one event is judged: two buttons, its class and a note, as `draft` has them, or else `said`. `say(verdict, note, label)` does
 * it, `typed({ note })` keeps what is not said yet, `leave()` gives it up.
 */
export function judgement({ event, said, draft, labels }, { say, typed, leave }) {
  const isDisputed = draft?.refused !== undefined;
  // Which of the two verdicts stays is to be decided first.
  const again = () => said && !isDisputed && say(said.verdict, note.value, label.value);
  const note = el('input', {
    id: 'verdict-note', type: 'text', maxLength: 500, autocomplete: 'off', value: draft?.note ?? said?.note ?? '',
    oninput: () => typed({ note: note.value }), onchange: again,
  });
  const own = draft?.label ?? said?.label ?? event.label;
  const label = el('select', { id: 'verdict-label', onchange: () => (typed({ label: label.value }), again()) },
    (labels.includes(own) || !own ? labels : [own, ...labels]).map((value) => el('option', { value }, value)));
  label.value = own;
  const button = (verdict, key) => el('button', {
    type: 'button', 'aria-pressed': `${said?.verdict === verdict}`, 'aria-keyshortcuts': key,
    onclick: () => say(said?.verdict === verdict && !isDisputed ? null : verdict, note.value, label.value),
  }, words[verdict][0].toUpperCase() + words[verdict].slice(1));
  const at = said?.at ? ` on ${when(said.at)}` : '';
  const dispute = isDisputed && el('div', { class: 'notice', role: 'group', 'aria-label': 'Two verdicts' },
    el('strong', {}, 'Somebody else was quicker'),
    el('p', {}, `Theirs, which is kept: ${sayingOf(said)}.`),
    el('p', {}, `Yours, which is not kept: ${draft.refused ? sayingOf({ ...draft, verdict: draft.refused }) : 'to take it back'}.`),
    el('div', { class: 'row' },
      el('button', { type: 'button', onclick: () => say(draft.refused, note.value, label.value) }, draft.refused ? 'Keep mine instead' : 'Take theirs back'),
      el('button', { type: 'button', onclick: leave }, 'Leave theirs')));
  return el('div', { class: 'judgement' }, el('h3', {}, 'Your verdict'),
    el('div', { class: 'row' }, button('true_alarm', 't'), button('false_alarm', 'f'),
      el('div', { class: 'group' }, el('label', { htmlFor: 'verdict-label' }, 'It is'), label),
      el('div', { class: 'group' }, el('label', { htmlFor: 'verdict-note' }, 'Note'), note)),
    dispute || null,
    !said && draft?.note ? el('p', { class: 'muted small' }, 'The note is kept once you say which alarm it is.') : null,
    said && (said.by || at) ? el('p', { class: 'muted small' }, `Said${said.by ? ` by ${said.by}` : ''}${at}. The same button takes it back.`) : null);
}

/** Where what no event shows is said: a stretch and its class. `now()` gives where the cursor is; `say(stretch, verdict)` does it, null for who may not. */
export class Missed {
  constructor({ labels, snippets }, now, say) {
    this.say = say;
    this.snippets = snippets;
    const place = (id) => el('input', { id, type: 'number', min: 0, max: snippets - 1, step: 1, 'aria-describedby': 'missed-said' });
    const [from, to] = [place('missed-from'), place('missed-to')];
    const named = (input, text) => el('label', { htmlFor: input.id }, text);
    const here = (input, text) => el('button', { type: 'button', onclick: () => (input.value = now()) }, text);
    const label = el('select', { id: 'missed-label' }, labels.slice(1).map((value) => el('option', { value }, value)));
    const add = () => {
      const [start, last] = [from, to].map((input) => (input.value ? Math.floor(Number(input.value)) : NaN));
      this.said.textContent = this.wrong(start, last);
      if (!this.said.textContent) say({ start, end: last + 1, label: label.value }, 'true_alarm');
    };
    this.said = el('p', { class: 'refused', id: 'missed-said', role: 'alert' });
    this.list = el('ul', { class: 'chosen', 'aria-label': 'Stretches that no event shows' });
    this.element = el('details', {}, el('summary', {}, say ? 'An event was missed' : 'Events that were missed'), !say ? null : el('div', { class: 'row' },
      el('div', { class: 'group' }, named(from, 'First snippet'), from, here(from, 'begins at the cursor')),
      el('div', { class: 'group' }, named(to, 'Last snippet'), to, here(to, 'ends at the cursor')),
      el('div', { class: 'group' }, el('label', { htmlFor: 'missed-label' }, 'It is'), label), el('button', { type: 'button', onclick: add }, 'Add')), this.said, this.list);
  }

  /** Why a stretch can't be one that was missed; nothing where it can. What is said already is not said over. */
  wrong(start, last) {
    if (Number.isNaN(start) || Number.isNaN(last)) return 'It takes its first snippet and its last.';
    if (last < start) return 'Its last snippet comes before its first.';
    if (start < 0 || last >= this.snippets) return `There are snippets from 0 to ${count(this.snippets - 1)}.`;
    const meets = (one) => one.start <= last && one.end > start;
    const place = (one) => `${this.text(one.start)} to ${this.text(one.end)}`;
    const event = this.events.find(meets);
    if (event) return `There is an event from ${place(event)}: choose it, and say there what it is.`;
    const said = this.verdicts.find(meets);
    return said ? `There is a verdict on ${place(said)}: ${sayingOf(said)}. Take that back first.` : '';
  }

  /** Shows the true alarms that none of the events has a part of. */
  show(events, review, text) {
    Object.assign(this, { events, verdicts: review.verdicts, text });
    const unseen = unmet(review.sorted.filter((one) => one.verdict === 'true_alarm'), events);
    this.element.hidden = !this.say && !unseen.length;
    this.list.replaceChildren(...unseen.map((one) => el('li', {}, `${text(one.start)} to ${text(one.end)}: ${one.label ?? 'abnormal'}`, this.say &&
      el('button', { type: 'button', class: 'quiet', 'aria-label': `Take back ${one.label ?? 'the event'} at ${text(one.start)}`, onclick: () => this.say(one, null) }, 'Take back'))));
    // Opened for what is new in it; who has closed it is left alone.
    if (unseen.length > (this.shown ?? 0)) this.element.open = true;
    this.shown = unseen.length;
  }
}

/** In a sentence, how far the review is. */
export function progress({ events, right, wrong, precision }, mayJudge) {
  if (!right && !wrong) return `None of ${many(events, 'event')} is reviewed.${mayJudge ? ' Choose one and say whether it is one.' : ''}`;
  return `${right + wrong} of ${many(events, 'event')} reviewed: ${right} true, ${wrong} false. Precision ${percent(precision)} at this threshold.`;
}
