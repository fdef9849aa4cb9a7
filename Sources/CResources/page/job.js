// A job: its way through the queue, its curve as it grows, and then what is in it.

import { againForm } from './again.js';
import { Refusal, ask, at, follow, isPassing, json, mayChange, pause, read } from './api.js';
import { announce, clock, count, duration, el, keep, kept, many, nameOf, nextFrame, percent, score, sentence, when } from './dom.js';
import { downloads } from './downloads.js';
import { chip } from './lists.js';
import { Drafts, Missed, Overtaken, Precisions, Review, judged, judgement, progress, sayingOf, words } from './review.js';
import { Scores, cutEvents, defaultCut, explain, gapOfBranches } from './scores.js';
import { Shots } from './shots.js';
import { Timeline } from './timeline.js';
import { VideoPanel } from './video.js';

const MOST_ROWS = 100;

export function jobView({ id, query, trouble }) {
  return new JobView(id, query, trouble);
}

class JobView {
  constructor(id, query, trouble) {
    this.id = id;
    this.trouble = trouble;
    this.ending = new AbortController();
    // On its way while all that will show it is made.
    const asked = this.ask();
    this.cut = { ...defaultCut };
    this.review = new Review(id);
    this.drafts = new Drafts();
    this.precisions = new Precisions();
    this.events = [];
    this.selected = null;
    this.title = 'Job';
    this.heading = el('h1', {}, 'Job');
    this.marks = el('div', { class: 'row' });
    this.actions = el('div', { class: 'row' });
    this.notices = el('div', { class: 'layout' });
    this.failures = el('div');
    this.waiting = el('section', { class: 'card', 'aria-label': 'Progress' }, el('p', { class: 'muted' }, 'Fetching…'));
    this.result = el('div', { class: 'layout', hidden: true });
    this.elements = [
      el('div', { class: 'row spread' }, el('div', { class: 'layout' }, this.heading, this.marks), this.actions),
      this.notices, this.failures, this.waiting, this.result,
    ];
    this.refresh = nextFrame(() => this.paint());
    this.timeline = new Timeline({
      seek: (snippet) => this.sought(snippet),
      threshold: (value) => this.change({ threshold: value }),
      viewed: () => this.keepAddress(),
      painted: () => this.shots.place(this.timeline),
    });
    this.shots = new Shots((segment) => this.pictured(segment));
    this.video = new VideoPanel(id, { moved: (seconds) => this.played(seconds), opened: () => this.videoOpened() });
    this.read(query);
    this.buildResult();
    this.keys = (event) => this.key(event);
    document.addEventListener('keydown', this.keys);
    // A note that is left is said by the press on what is made anew by that: not before the press is over.
    this.why.addEventListener('pointerdown', () => (this.isPressing = true));
    this.released = () => setTimeout(() => {
      this.isPressing = false;
      if (this.isWhyOld) this.paintWhy();
    });
    for (const kind of ['pointerup', 'pointercancel']) window.addEventListener(kind, this.released);
    this.load(asked);
  }

  close() {
    this.ending.abort();
    clearTimeout(this.poll);
    clearTimeout(this.writing);
    clearTimeout(this.listing);
    document.removeEventListener('keydown', this.keys);
    for (const kind of ['pointerup', 'pointercancel']) window.removeEventListener(kind, this.released);
    this.timeline.close();
    this.video.release();
  }

  dressed() {
    this.timeline.changed();
  }

  // The address

  /** What is shown, as the address says. */
  read(query) {
    this.known = location.hash;
    const number = (name, least, most) => {
      const value = Number(query.get(name));
      return query.get(name) && Number.isFinite(value) && value >= least && value <= most ? value : undefined;
    };
    this.cut = {
      threshold: number('t', 0, 1) ?? defaultCut.threshold, leave: number('leave', 0, 1) ?? null,
      min: Math.round(number('min', 1, 1e9) ?? 1), gap: Math.round(number('gap', 0, 1e9) ?? 0),
    };
    if (this.cut.leave !== null && this.cut.leave > this.cut.threshold) this.cut.leave = this.cut.threshold;
    this.wanted = { from: number('from', 0, 1e12), to: number('to', 0, 1e12), at: number('at', 0, 1e12), event: number('event', 0, 1e12) };
    // Of who has sent it: the server tells it once the job has ended.
    this.fps = number('fps', 0.001, 1e5) ?? null;
    this.hiddenLabels = new Set((query.get('hide') ?? '').split(',').filter(Boolean));
    this.timeline.unit = ['snippets', 'frames'].includes(query.get('unit')) ? query.get('unit') : 'time';
    this.otherID = query.get('with') ?? '';
  }

  moved(query) {
    const before = this.otherID;
    this.read(query);
    this.fillControls();
    if (this.scores) {
      this.hideLabels();
      if (this.wanted.from === undefined) this.timeline.look(0, this.scores.snippets);
    }
    if (this.wanted.event === undefined) this.selected = null;
    this.applyWanted();
    if (this.otherID !== before) this.loadOther();
    this.refresh();
  }

  keepAddress() {
    clearTimeout(this.writing);
    this.writing = setTimeout(() => {
      // Who is on the way elsewhere, and be it to another view of this job, is not brought back.
      if (location.hash !== this.known) return;
      history.replaceState(null, '', this.address());
      this.known = location.hash;
    }, 250);
  }

  address() {
    const parts = new URLSearchParams();
    const { cut, timeline } = this;
    if (cut.threshold !== defaultCut.threshold) parts.set('t', cut.threshold);
    if (cut.leave !== null) parts.set('leave', cut.leave);
    if (cut.min !== 1) parts.set('min', cut.min);
    if (cut.gap) parts.set('gap', cut.gap);
    if (timeline.scores && timeline.to - timeline.from < timeline.scores.snippets) {
      parts.set('from', timeline.from.toFixed(1));
      parts.set('to', timeline.to.toFixed(1));
    }
    if (timeline.cursor) parts.set('at', Math.floor(timeline.cursor));
    if (this.selected) parts.set('event', this.selected.start);
    if (this.fps && !this.job?.result) parts.set('fps', this.fps);
    if (this.hiddenLabels.size) parts.set('hide', [...this.hiddenLabels].join(','));
    if (timeline.unit !== 'time') parts.set('unit', timeline.unit);
    if (this.otherID) parts.set('with', this.otherID);
    return `#/job/${this.id}${parts.size ? `?${parts}` : ''}`;
  }

  applyWanted() {
    if (!this.scores) return;
    const { from, to, at } = this.wanted;
    if (from !== undefined && to !== undefined && to > from) this.timeline.look(from, to);
    if (at !== undefined) this.timeline.place(at);
    this.wanted = { event: this.wanted.event };
  }

  /** The event that the address names by a snippet in it; it may come with later scores. */
  wantedEvent() {
    const { event: wanted } = this.wanted;
    if (wanted === undefined) return null;
    const found = this.events.find((one) => one.start <= wanted && one.end > wanted);
    if (found || this.job.result) delete this.wanted.event;
    return found ?? null;
  }

  // The job

  ask() {
    return json(`/jobs/${this.id}`, { signal: this.ending.signal });
  }

  async load(asked) {
    try {
      this.took(await asked);
    } catch (error) {
      this.fail(error);
      return;
    }
    if (['queued', 'running'].includes(this.job.status)) this.listen();
  }

  /** What could not be done, until something else is. */
  fail(error) {
    if (this.ending.signal.aborted) return;
    if (!(error instanceof Refusal)) throw error;
    this.failures.replaceChildren(this.trouble(error));
    if (!this.job || this.isOver) this.waiting.hidden = true;
  }

  /** Somebody has signed in again. */
  signed() {
    this.failures.replaceChildren();
    if (!this.job) this.load(this.ask());
    else if (this.isOver && ['queued', 'running'].includes(this.job.status)) this.listen();
    else if (this.job.result) this.loadReview();
  }

  /** What the server says of the job. */
  took(job) {
    const before = this.job?.status;
    this.job = job;
    this.title = job.name ? nameOf(job) : 'Job';
    document.title = `${this.title} · Vigil`;
    this.heading.textContent = job.name ? nameOf(job) : `Job ${job.id}`;
    const facts = [job.model, job.snippets ? many(job.snippets, 'snippet') : null, when(job.created_at)].filter(Boolean).join(' · ');
    const marks = `${job.status} ${facts}`;
    // What says the same is left alone: it may have the focus.
    if (this.shownMarks !== marks) {
      this.shownMarks = marks;
      this.marks.replaceChildren(chip(job.status), el('span', { class: 'muted' }, facts), ...(job.batch ? [el('a', { href: `#/batch/${job.batch}` }, 'its batch')] : []));
    }
    this.showActions();
    this.showNotices();
    this.showWaiting();
    if (before && before !== job.status) announce(`The job is ${job.status}`);
    if (job.result) this.showScores(Scores.ofResult(job.result));
  }

  showActions() {
    const { status } = this.job;
    const isLive = status === 'queued' || status === 'running';
    if (this.shownActions === isLive) return;
    this.shownActions = isLive;
    const link = el('button', { type: 'button', onclick: () => this.copyLink(link) }, 'Copy link');
    this.actions.replaceChildren(
      link, mayChange() ? el('button', { type: 'button', onclick: () => this.drop() }, isLive ? 'Cancel' : 'Forget') : '');
  }

  async copyLink(button) {
    const url = new URL(this.address(), location.href).href;
    history.replaceState(null, '', url);
    try {
      await navigator.clipboard.writeText(url);
      button.textContent = 'Copied';
      announce('The link is copied');
    } catch {
      // Without https there is no clipboard; the address bar has the link.
      button.textContent = 'It is in the address bar';
    }
    setTimeout(() => (button.textContent = 'Copy link'), 2500);
  }

  async drop() {
    const isLive = ['queued', 'running'].includes(this.job.status);
    if (!isLive && !window.confirm('Forget this job and its scores?')) return;
    this.failures.replaceChildren();
    try {
      // One that ends in this very moment stays: to forget it is what nobody asked for.
      const answer = await ask(`/jobs/${this.id}${isLive ? '?forget=false' : ''}`, { method: 'DELETE' });
      let job = answer.status === 204 ? null : await read(answer);
      if (job?.status === 'succeeded' && !job.result) job = await this.ask();
      if (this.ending.signal.aborted) return;
      if (job) this.took(job);
      else location.hash = '#/jobs';
    } catch (error) {
      this.fail(error);
    }
  }

  showNotices() {
    const { job } = this;
    const notices = [];
    if (job.error) {
      notices.push(el('div', { class: 'notice bad', role: 'alert' }, el('strong', {}, job.error.title), job.error.detail, ' ',
        el('a', { href: at(job.error.type) }, 'What this means')));
    }
    if (job.status === 'cancelled') notices.push(el('div', { class: 'notice' }, el('strong', {}, 'Cancelled'), 'It was not scored to its end.'));
    if (job.result?.untrained) notices.push(el('div', { class: 'notice bad' }, el('strong', {}, 'The model is untrained'), 'Its weights are random: the scores mean nothing.'));
    if (job.result?.caveat) notices.push(el('div', { class: 'notice' }, el('strong', {}, 'A demo model'), sentence(job.result.caveat)));
    for (const warning of job.warnings ?? []) notices.push(el('div', { class: 'notice' }, el('strong', {}, 'Warning'), sentence(warning)));
    this.notices.replaceChildren(...notices);
  }

  showWaiting() {
    const { job } = this;
    const isLive = ['queued', 'running'].includes(job.status);
    this.waiting.hidden = !isLive;
    if (!isLive) return;
    const { chunks_done: done = 0, chunks = null } = job.progress ?? {};
    const phase = { decode: 'The video is decoded', embed: 'Frames become features', score: 'Scored chunk by chunk' }[job.phase];
    const title = job.status === 'queued'
      ? (job.queue_position ? `Number ${count(job.queue_position)} in the queue` : 'Waits in the queue') : phase ?? 'Scored chunk by chunk';
    const estimate = job.estimated_seconds === null || job.estimated_seconds === undefined
      ? 'How long is not known yet' : `About ${duration(job.estimated_seconds)} to its end`;
    this.waitingTitle ??= el('h2', {});
    this.waitingBar ??= el('progress', { 'aria-label': 'Progress' });
    this.waitingText ??= el('p', { class: 'muted' });
    this.waitingTitle.textContent = title;
    this.waitingText.textContent = chunks ? `${estimate}. ${count(done)} of ${many(chunks, 'chunk')} done.` : `${estimate}.`;
    if (job.status === 'running' && !chunks) this.waitingBar.removeAttribute('value');
    else {
      this.waitingBar.max = chunks || 1;
      this.waitingBar.value = done;
    }
    if (!this.waitingTitle.isConnected) this.waiting.replaceChildren(this.waitingTitle, this.waitingBar, this.waitingText);
  }

  async listen() {
    this.isOver = false;
    this.askAgain();
    try {
      await follow(`/jobs/${this.id}/events`, (kind, data) => this.heard(kind, data), this.ending.signal);
      const job = this.ending.signal.aborted ? null : await this.askLast();
      this.hush();
      if (job) this.took(job);
    } catch (error) {
      this.hush();
      this.fail(error);
    }
  }

  /** The job as it has ended, however often that has to be asked for. */
  async askLast() {
    while (!this.ending.signal.aborted) {
      try {
        return await this.ask();
      } catch (error) {
        if (!isPassing(error)) throw error;
        await pause((error.retryAfter ?? 2) * 1000, this.ending.signal);
      }
    }
    return null;
  }

  /** Asks no more how far it is; an answer that is still to come is late. */
  hush() {
    this.isOver = true;
    clearTimeout(this.poll);
  }

  heard(kind, data) {
    if (this.ending.signal.aborted) return;
    if (kind === 'status') this.took({ ...data, result: null });
    else if (kind === 'progress') {
      this.job.progress = data;
      this.showWaiting();
    } else if (kind === 'scores') {
      const room = Math.max(data.end, this.job.snippets ?? Math.floor((this.job.progress?.frames_expected ?? 0) / 16));
      // Another model has other labels: what came of the one before is none of it.
      if (String(this.scores?.labels) !== String(data.fine.labels)) this.showScores(new Scores(room, data.fine.labels, this.fps));
      else if (data.end > this.scores.snippets) this.showScores(this.scores.grown(room));
      this.scores.add(data.start, data.coarse, data.fine.scores);
      this.timeline.changed();
      this.refresh();
    }
  }

  /** Events don't tell the place in the queue, nor how long it will take. */
  askAgain() {
    this.poll = setTimeout(async () => {
      if (this.ending.signal.aborted || !['queued', 'running'].includes(this.job.status)) return;
      try {
        const job = await this.ask();
        if (!this.isOver && ['queued', 'running'].includes(job.status)) this.took(job);
      } catch {
        // The stream of events finds out what is wrong.
      }
      if (!this.isOver) this.askAgain();
    }, document.hidden ? 5000 : 1000);
  }

  // The result

  buildResult() {
    const number = (name, id, attributes) => el('input', {
      type: 'number', id, ...attributes, onchange: (event) => {
        const value = event.target.value.trim();
        this.change({ [name]: value === '' ? (name === 'leave' ? null : defaultCut[name]) : Number(value) });
      },
    });
    this.slider = el('input', { type: 'range', id: 'threshold', min: 0, max: 1, step: 0.01, oninput: (event) => this.change({ threshold: Number(event.target.value) }) });
    this.threshold = number('threshold', 'threshold-number', { min: 0, max: 1, step: 0.01, 'aria-label': 'Threshold as a number' });
    this.leave = number('leave', 'leave', { min: 0, max: 1, step: 0.01, placeholder: 'same' });
    this.min = number('min', 'min', { min: 1, step: 1 });
    this.gap = number('gap', 'gap', { min: 0, step: 1 });
    this.unit = el('select', {
      id: 'unit', onchange: () => {
        this.timeline.unit = this.unit.value;
        this.timeline.changed();
        this.keepAddress();
        this.refresh();
      },
    }, ['time', 'snippets', 'frames'].map((value) => el('option', { value }, value)));
    this.other = el('select', {
      id: 'other', onfocus: () => this.findOthers(), onchange: () => {
        this.otherID = this.other.value;
        this.keepAddress();
        this.loadOther();
      },
    }, el('option', { value: '' }, 'none'));
    this.otherSaid = el('span', { class: 'small muted', role: 'status' });
    const group = (id, label, ...inputs) => el('div', { class: 'group' }, el('label', { htmlFor: id }, label), inputs);
    const zoom = (label, text, action) => el('button', { type: 'button', 'aria-label': label, title: label, onclick: action }, text);
    this.toggles = el('div', { class: 'toggles', role: 'group', 'aria-label': 'Classes shown' });
    this.single = el('input', {
      type: 'checkbox', id: 'single', checked: kept('vigil-keys') !== 'off',
      onchange: () => keep('vigil-keys', this.single.checked ? 'on' : 'off'),
    });
    const judging = mayChange() ? [['T F', 'true alarm, false alarm; once more takes it back']] : [];
    const keys = [['← →', 'a snippet back, forth; with Shift a tenth of what is shown'], ['↑ ↓', 'threshold'], ['+ −', 'zoom at the cursor'], ['0', 'all'],
      ['Page ↑ ↓', 'move on'], ['J K', 'event before, event after'], ['L', 'loop the event'], ...judging, ['Space', 'play, pause'],
      ['Wheel', 'zoom, once the timeline is clicked or with Ctrl; with Shift move']];
    this.eventsTitle = el('h2', {}, 'Events');
    this.eventsTable = el('div', { class: 'scroll events' });
    this.first = 0;
    this.turned = el('span', { class: 'muted small' });
    this.turns = el('div', { class: 'row turns', hidden: true }, el('button', { type: 'button', onclick: () => this.turn(-1) }, 'Earlier events'), this.turned,
      el('button', { type: 'button', onclick: () => this.turn(1) }, 'Later events'));
    this.note = el('p', { class: 'muted small' });
    this.why = el('section', { class: 'card', 'aria-labelledby': 'why-title' });
    this.reviewed = el('section', { class: 'card', 'aria-labelledby': 'reviewed-title' });
    this.summary = el('section', { class: 'card', 'aria-labelledby': 'summary-title' });
    this.takeaway = el('section', { class: 'card', 'aria-labelledby': 'takeaway-title' });
    this.again = el('section', { class: 'card', 'aria-label': 'Score again' });
    this.result.append(
      el('section', { class: 'card', 'aria-label': 'Timeline' },
        el('div', { class: 'controls' },
          group('threshold', 'Threshold', this.slider, this.threshold), group('leave', 'Leave', this.leave), group('min', 'Least', this.min), group('gap', 'Merge gap', this.gap),
          group('unit', 'Show', this.unit),
          el('div', { class: 'group' }, zoom('Zoom in', '+', () => this.timeline.zoom(0.5)), zoom('Zoom out', '−', () => this.timeline.zoom(2)), zoom('Show all', 'All', () => this.timeline.look(0, this.scores.snippets)))),
        this.shots.element, this.video.thumbs, this.timeline.element, this.toggles,
        el('div', { class: 'controls' }, group('other', 'Over it', this.other), this.otherSaid),
        el('details', { id: 'timeline-keys' }, el('summary', {}, 'Keys'),
          el('dl', { class: 'keys' }, keys.flatMap(([key, what]) => [el('dt', {}, key.split(' ').map((one, index) => [index ? ' ' : '', el('kbd', {}, one)]).flat()), el('dd', {}, what)])),
          el('p', { class: 'row' }, this.single, el('label', { htmlFor: 'single' }, `J, K, L, ${mayChange() ? 'T, F ' : ''}and Space work anywhere on this page`)))),
      el('div', { class: 'pair' },
        el('section', { class: 'card', 'aria-label': 'Events' }, el('div', { class: 'row spread' }, this.eventsTitle,
          el('div', { class: 'row' }, zoom('Event before', 'J ‹', () => this.step(-1)), zoom('Event after', 'K ›', () => this.step(1)))), this.note, this.eventsTable, this.turns),
        el('div', { class: 'layout' }, el('section', { class: 'card', 'aria-label': 'Video' }, this.video.element), this.why)),
      this.reviewed, this.summary, this.takeaway, this.again);
    this.fillControls();
  }

  fillControls() {
    this.slider.value = this.cut.threshold;
    this.threshold.value = this.cut.threshold;
    this.leave.value = this.cut.leave ?? '';
    this.min.value = this.cut.min;
    this.gap.value = this.cut.gap;
    this.unit.value = this.timeline.unit;
  }

  /** Shows scores; those of a job that has ended in place of those that came while it ran. */
  showScores(scores) {
    const wasShown = this.scores !== undefined;
    this.scores = scores;
    this.result.hidden = false;
    this.timeline.hidden = this.hiddenPlaces();
    const { from, to, scores: before } = this.timeline;
    this.timeline.show(scores);
    // Who looked at all looks at all of what there is now.
    if (wasShown && (from > 0 || to < before.snippets)) this.timeline.look(from, to);
    this.toggles.replaceChildren(el('span', { class: 'muted small' }, 'Classes'), ...scores.labels.map((label, index) => {
      const button = el('button', {
        type: 'button', 'aria-pressed': `${!this.timeline.hidden.has(index)}`, onclick: () => {
          const isHidden = this.timeline.hidden.delete(index) ? false : Boolean(this.timeline.hidden.add(index));
          if (isHidden) this.hiddenLabels.add(label);
          else this.hiddenLabels.delete(label);
          button.setAttribute('aria-pressed', `${!isHidden}`);
          this.timeline.resize();
          this.keepAddress();
        },
      }, label);
      return button;
    }));
    this.applyWanted();
    // What stands below the curves comes once they are seen.
    if (this.job.result) requestAnimationFrame(() => setTimeout(() => this.finished()));
    this.paint();
  }

  /** The places of the labels that are not shown. */
  hiddenPlaces() {
    return new Set(this.scores.labels.map((label, index) => (this.hiddenLabels.has(label) ? index : -1)).filter((index) => index >= 0));
  }

  /** Shows and hides lanes as the address says, and their buttons. */
  hideLabels() {
    this.timeline.hidden = this.hiddenPlaces();
    [...this.toggles.querySelectorAll('button')].forEach((button, index) => button.setAttribute('aria-pressed', `${!this.timeline.hidden.has(index)}`));
    this.timeline.resize();
  }

  finished() {
    if (this.ending.signal.aborted) return;
    const { job } = this;
    const { result } = job;
    const fact = (term, value, kind = '') => el('div', { class: kind }, el('dt', {}, term), el('dd', {}, value));
    const top = Object.entries(result.video.scores).sort((a, b) => b[1] - a[1]).slice(0, 3);
    this.summary.replaceChildren(el('h2', { id: 'summary-title' }, 'The whole video'),
      el('dl', { class: 'facts' },
        fact('Highest snippets, mean', score(result.video.coarse)), fact('Class', result.video.label),
        fact('Highest classes', top.map(([label, value]) => `${label} ${percent(value)}`).join(', ')),
        fact('Length', this.timeline.secondsPerSnippet ? clock(job.snippets * this.timeline.secondsPerSnippet) : many(job.snippets, 'snippet')),
        fact('Waited', duration(result.timings.queued_ms / 1000)), fact('Scored in', duration(result.timings.scored_ms / 1000)),
        fact('Model', el('code', {}, `${job.model}@${result.provenance.model_sha256.slice(0, 10)}`)),
        fact('Features', el('code', {}, job.features_sha256?.slice(0, 10) ?? '–')),
        fact('Arithmetic', `${result.provenance.compute}, ${result.provenance.kernels}`), fact('Job', el('code', {}, job.id), 'broad')));
    this.offerDownloads();
    this.shots.show(result.segments, this.timeline);
    if (mayChange()) this.again.replaceChildren(againForm(job, () => this.cut, this.trouble, this.ending.signal));
    announce(`Scored. ${many(cutEvents(this.scores, this.cut).length, 'event')}.`);
    if (this.otherID) this.loadOther();
    // One that was opened before there was a time to a snippet.
    if (this.video.isOpen) this.videoOpened();
    this.loadReview();
  }

  offerDownloads() {
    if (!this.job?.result) return;
    this.takeaway.replaceChildren(el('h2', { id: 'takeaway-title' }, 'Take away'),
      downloads(this.job, () => ({ scores: this.scores, events: this.events, cut: this.cut, seconds: this.timeline.secondsPerSnippet, review: this.review }), (error) => this.fail(error)),
      el('p', { class: 'hint' }, this.timeline.secondsPerSnippet
        ? 'JSON and npy are as the server has them; events, subtitles and the report are as they are shown.'
        : 'SRT and VTT need times: frames a second when it is scored, or the video opened beside it.'));
  }

  change(more) {
    const cut = { ...this.cut, ...more };
    const inside = (value, least, most) => Math.min(most, Math.max(least, Number.isFinite(value) ? value : least));
    cut.threshold = inside(cut.threshold, 0, 1);
    if (cut.leave !== null) cut.leave = inside(cut.leave, 0, cut.threshold);
    cut.min = Math.round(inside(cut.min, 1, 1e9));
    cut.gap = Math.round(inside(cut.gap, 0, 1e9));
    this.cut = cut;
    this.timeline.cut = cut;
    this.fillControls();
    this.keepAddress();
    this.refresh();
  }

  /** The events anew, and all that shows them. */
  paint() {
    if (!this.scores || this.ending.signal.aborted) return;
    const before = this.selected;
    this.events = cutEvents(this.scores, this.cut);
    this.selected = this.wantedEvent() ?? (before ? this.events.find((event) => event.start < before.end && event.end > before.start) ?? null : null);
    this.timeline.cut = this.cut;
    this.timeline.events = this.events;
    this.timeline.selected = this.selected;
    this.timeline.draw();
    this.eventsTitle.textContent = many(this.events.length, 'event');
    // The lists come after what is dragged, four times a second at most.
    const wait = Math.max(0, (this.listed ?? -250) + 250 - performance.now());
    if (wait) this.listing ??= setTimeout(() => this.paintLists(), wait);
    else this.paintLists();
  }

  paintLists() {
    clearTimeout(this.listing);
    this.listing = null;
    if (this.ending.signal.aborted) return;
    this.paintEvents();
    this.paintWhy();
    this.paintReview();
    this.listed = performance.now();
  }

  paintEvents() {
    const { events, timeline } = this;
    const share = events.reduce((sum, event) => sum + event.end - event.start, 0) / Math.max(1, this.scores.known);
    const own = this.job.result?.segments;
    const isOwn = own && own.length === events.length && own.every((one, index) => one.start === events[index].start && one.end === events[index].end && one.label === events[index].label);
    this.note.textContent = `${percent(share)} of the video.${own && !isOwn ? ` The job itself was cut into ${many(own.length, 'event')}, by other settings.` : ''}`;
    if (!events.length) {
      this.turns.hidden = true;
      this.eventsTable.replaceChildren(el('p', { class: 'muted' }, 'None at this threshold.'));
      return;
    }
    const chosen = events.indexOf(this.selected);
    // Some rows at a time, since a browser takes a millisecond to lay one out: those with what was chosen, or those that were turned to.
    if (chosen >= 0 && this.revealed !== this.selected) this.first = chosen - (chosen % MOST_ROWS);
    this.first = Math.min(this.first, (Math.ceil(events.length / MOST_ROWS) - 1) * MOST_ROWS);
    const shown = events.slice(this.first, this.first + MOST_ROWS);
    const focused = this.eventsTable.contains(document.activeElement) ? document.activeElement.closest('tr')?.event?.start : undefined;
    const head = (text, kind) => el('th', { scope: 'col', class: kind ?? '' }, text);
    this.eventRows ??= el('tbody');
    this.eventsAll ??= el('table', {}, el('thead', {}, el('tr', {}, head('From', 'number'), head('To', 'number'), head('Class'), head('Score', 'number'), head('Length', 'number'))), this.eventRows);
    // Rows that are there say something else: to make all of them anew takes most of a frame.
    const rows = this.eventRows.children;
    while (rows.length > shown.length) rows[rows.length - 1].remove();
    while (rows.length < shown.length) this.eventRows.append(this.eventRow());
    const said = this.review.along(shown);
    shown.forEach((event, index) => this.fillRow(rows[index], event, said[index]));
    if (this.eventsTable.firstChild !== this.eventsAll) this.eventsTable.replaceChildren(this.eventsAll);
    this.turns.hidden = shown.length === events.length;
    this.turned.textContent = `${count(this.first + 1)} to ${count(this.first + shown.length)} of ${count(events.length)}`;
    const [back, forth] = [this.turns.firstChild, this.turns.lastChild];
    const held = document.activeElement;
    back.disabled = this.first === 0;
    forth.disabled = this.first + shown.length === events.length;
    // Who has come to an end by keys goes on from the other button.
    if (held.disabled && this.turns.contains(held)) (held === back ? forth : back).focus({ preventScroll: true });
    const place = focused === undefined ? -1 : shown.findIndex((event) => event.start === focused);
    if (place >= 0) rows[place].querySelector('button').focus({ preventScroll: true });
    this.revealRow(chosen - this.first);
  }

  /** Shows the rows before or after those that are shown. */
  turn(direction) {
    this.first = Math.max(0, this.first + direction * MOST_ROWS);
    this.eventsTable.scrollTop = 0;
    this.paintEvents();
    announce(`Events ${this.turned.textContent}`);
  }

  /** Brings the row of the event that was chosen into view of its table, which scrolls by itself. */
  revealRow(index) {
    const [row, table] = [this.eventRows.children[index], this.eventsTable];
    if (this.revealed === this.selected || !row) return;
    this.revealed = this.selected;
    const top = row.offsetTop - row.offsetHeight;
    if (top < table.scrollTop || top + 3 * row.offsetHeight > table.scrollTop + table.clientHeight) table.scrollTop = top - table.clientHeight / 3;
  }

  eventRow() {
    const row = el('tr', { onclick: () => this.select(row.event) }, el('td', { class: 'number' }), el('td', { class: 'number' }),
      el('td', {}, el('button', { type: 'button', class: 'link' }), el('span')), el('td', { class: 'number' }), el('td', { class: 'number' }));
    return row;
  }

  /** Has a row tell of an event; what it says already is not touched. */
  fillRow(row, event, said) {
    const { timeline } = this;
    const seconds = timeline.secondsPerSnippet;
    const [from, to, kind, height, length] = row.children;
    const [button, chips] = kind.children;
    const say = (place, text) => place.textContent === text || (place.textContent = text);
    const set = (name, value) => button.getAttribute(name) === value || button.setAttribute(name, value);
    row.event = event;
    const className = event === this.selected ? 'selected' : '';
    if (row.className !== className) row.className = className;
    say(from, timeline.text(event.start));
    say(to, timeline.text(event.end));
    say(button, event.label || 'abnormal');
    set('aria-pressed', `${event === this.selected}`);
    set('aria-label', `${event.label} at ${timeline.text(event.start)}`);
    const marks = this.chipOf(event, said);
    if (marks.length || chips.firstChild) chips.replaceChildren(...marks);
    say(height, score(event.score));
    say(length, seconds ? duration((event.end - event.start) * seconds) : many(event.end - event.start, 'snippet'));
  }

  paintWhy() {
    this.isWhyOld = this.isPressing;
    if (this.isPressing) return;
    const { selected: event, scores, timeline } = this;
    if (!event) {
      this.why.replaceChildren(el('h2', { id: 'why-title' }, 'Why an event'), el('p', { class: 'muted' }, 'Choose an event to see what speaks for it.'));
      return;
    }
    const found = explain(scores, event, this.cut);
    const place = (snippet) => el('button', { type: 'button', class: 'link', onclick: () => timeline.go(snippet) }, timeline.text(snippet));
    const order = scores.labels.map((_, label) => label).sort((a, b) => event.shares[b] - event.shares[a]).slice(0, 6);
    this.loopButton = el('button', { type: 'button', 'aria-pressed': `${this.isLooping === true}`, onclick: () => this.loop() }, 'Loop');
    const focused = focusIn(this.why);
    this.why.replaceChildren(
      el('div', { class: 'row spread' }, el('h2', { id: 'why-title' }, `Why ${event.label || 'this event'}?`), this.loopButton),
      el('p', {}, `${timeline.text(event.start)} to ${timeline.text(event.end)}: ${many(event.end - event.start, 'snippet')}, highest ${score(event.score)}, mean ${score(found.mean)}, ${score(event.score - this.cut.threshold)} above the threshold.`),
      el('h3', {}, 'Classes'),
      el('div', { class: 'bars' }, order.flatMap((label) => [el('span', {}, scores.labels[label]), el('span', { class: 'bar', 'aria-hidden': 'true' }, barOf(event.shares[label])), el('span', {}, percent(event.shares[label]))])),
      el('h3', {}, 'Highest snippets'),
      el('p', {}, found.highest.flatMap((snippet, index) => [index ? ', ' : '', place(snippet), ` ${score(scores.coarse[snippet])}`])),
      el('h3', {}, 'Where the branches disagree'),
      found.disputed.length
        ? el('p', {}, `In ${many(found.disputed.length, 'snippet')} the class branch finds normal most likely: `, found.disputed.slice(0, 5).flatMap((snippet, index) => [index ? ', ' : '', place(snippet), ` by ${score(gapOfBranches(scores, snippet))}`]), '.')
        : el('p', { class: 'muted' }, 'Nowhere: the class branch finds no snippet of it normal.'),
      this.job.result ? this.judgementOf(event) : '',
      found.below ? el('p', { class: 'muted' }, `${many(found.below, 'snippet')} in it ${found.below === 1 ? 'is' : 'are'} below the threshold, held by Leave or the merge gap.`) : '');
    focused();
  }

  // What reviewers say

  async loadReview() {
    try {
      await this.review.load(this.ending.signal);
    } catch (error) {
      this.fail(error);
      return;
    }
    if (this.review.verdicts.length) this.paintLists();
    else this.paintReview();
  }

  chipOf(event, said) {
    return [
      said ? [' ', el('span', { class: `chip ${said.verdict}`, title: said.note ?? '' }, words[said.verdict].split(' ')[0])] : [],
      this.drafts.of(event)?.refused !== undefined ? [' ', el('span', { class: 'chip' }, 'to decide')] : [],
    ].flat();
  }

  judgementOf(event) {
    if (!mayChange()) return el('div', {}, el('h3', {}, 'Verdict'), el('p', {}, sentence(sayingOf(this.review.of(event)))));
    return judgement({ event, said: this.review.of(event), draft: this.drafts.of(event), labels: this.scores.labels }, {
      say: (...said) => this.judge(...said),
      typed: (more) => this.drafts.fill(event, more),
      leave: () => {
        this.drafts.drop(event);
        announce('Theirs is left as it is');
        this.paintLists();
      },
    });
  }

  async judge(verdict, note, label) {
    if (this.selected && this.job.result) await this.judgeStretch(this.selected, verdict, note, label);
  }

  async judgeStretch(event, verdict, note, label) {
    this.told = '';
    this.failures.replaceChildren();
    const isShown = this.events.includes(event);
    // Whatever comes of it, what was filled in is there to be said again.
    if (isShown && verdict) this.drafts.fill(event, { note, label });
    try {
      await this.review.say(event, verdict, note, label);
      if (isShown) this.drafts.took(event, note);
      announce(verdict ? `${label || event.label || 'The event'} is a ${words[verdict]}` : 'The verdict is taken back');
    } catch (error) {
      if (!(error instanceof Overtaken)) this.fail(error);
      else {
        if (isShown) this.drafts.fill(event, { refused: verdict });
        else this.told = `Somebody else was quicker with ${this.timeline.text(event.start)} to ${this.timeline.text(event.end)}: ${sayingOf(this.review.of(event))}. Yours was not kept; say it again if you still think so.`;
        announce(this.told || `Somebody else was quicker: ${sayingOf(this.review.of(event))}. Yours was not kept; which of them stays is yours to decide.`);
      }
    }
    if (!this.ending.signal.aborted) this.paintLists();
  }

  paintReview() {
    if (!this.job?.result) return;
    const now = judged(this.events, this.review);
    const say = mayChange() ? (stretch, verdict) => this.judgeStretch(stretch, verdict) : null;
    const isBegun = this.review.verdicts.length > 0;
    this.missed ??= new Missed(this.scores, () => Math.floor(this.timeline.cursor ?? 0), say);
    this.missed.show(this.events, this.review, (snippet) => this.timeline.text(snippet));
    this.reviewSaid ??= el('div');
    this.reviewSaid.replaceChildren(this.told ? el('p', { class: 'notice' }, this.told) : '', el('p', {}, progress(now, say !== null)), say ? '' : el('p', { class: 'muted' }, 'This key may only read: it gives no verdicts.'), isBegun ? this.precisions.table(this.scores, this.cut, this.review, now) : '');
    // What is filled in stays while the rest is made anew.
    if (!this.reviewSaid.isConnected) this.reviewed.replaceChildren(el('h2', { id: 'reviewed-title' }, 'Review'), this.reviewSaid, this.missed.element);
  }

  // Going through it

  select(event, { seeks = true } = {}) {
    this.selected = event;
    this.timeline.selected = event;
    if (!event) return;
    delete this.wanted.event;
    this.keepAddress();
    this.timeline.reveal(event.start, event.end);
    if (seeks) this.timeline.go(event.start);
    this.timeline.draw();
    this.paintLists();
    announce(`${event.label}, ${this.timeline.text(event.start)} to ${this.timeline.text(event.end)}, score ${score(event.score)}`);
  }

  /** A picture was pressed: the event that is there now, or the place where it was. */
  pictured({ start, end }) {
    const event = this.events.find((one) => one.start < end && one.end > start);
    if (event) this.select(event);
    else this.timeline.go(start);
  }

  step(direction) {
    const { events, selected } = this;
    if (!events.length) return;
    let index = selected ? events.indexOf(selected) + direction : -1;
    if (!selected) {
      const after = events.findIndex((event) => event.start >= this.timeline.cursor);
      index = direction > 0 ? (after < 0 ? events.length - 1 : after) : (after < 0 ? events.length : after) - 1;
    }
    this.select(events[Math.min(events.length - 1, Math.max(0, index))]);
  }

  loop() {
    if (!this.selected) this.step(1);
    this.isLooping = !this.isLooping;
    this.paintWhy();
    announce(this.isLooping ? 'Loops the event' : 'Loops no more');
    if (this.isLooping && this.selected && this.video.isOpen) {
      this.video.seek(this.selected.start * this.timeline.secondsPerSnippet);
      this.video.player.play();
    }
  }

  sought(snippet) {
    this.keepAddress();
    const seconds = this.timeline.secondsPerSnippet;
    if (seconds) this.video.seek(snippet * seconds);
    const event = this.events.find((one) => one.start <= snippet && snippet < one.end);
    if (event && event !== this.selected) this.select(event, { seeks: false });
  }

  played(seconds) {
    const each = this.timeline.secondsPerSnippet;
    if (!each || !this.scores) return;
    if (this.isLooping && this.selected && seconds >= this.selected.end * each) {
      this.video.seek(this.selected.start * each);
      return;
    }
    // A player's times are whole microseconds, which may be just before the snippet that was sought.
    this.timeline.place(seconds / each + 1e-3, { follow: !this.video.player.paused });
  }

  videoOpened() {
    if (!this.scores) return;
    // Without frames a second the scores are taken to be of the whole video.
    if (this.job.result && Number.isFinite(this.video.seconds)) this.timeline.seconds = this.video.seconds / this.scores.snippets;
    this.timeline.changed();
    this.paint();
    this.offerDownloads();
    this.video.sketch(this.timeline);
  }

  toggleVerdict(verdict) {
    if (!this.selected) return;
    if (!mayChange()) return announce('This key may only read: it gives no verdicts');
    const [said, draft] = [this.review.of(this.selected), this.drafts.of(this.selected)];
    const isBack = said?.verdict === verdict && draft?.refused === undefined;
    this.judge(isBack ? null : verdict, draft?.note ?? said?.note ?? '', draft?.label ?? said?.label ?? this.selected.label);
  }

  key(event) {
    const place = event.target;
    if (!this.single.checked || event.ctrlKey || event.metaKey || event.altKey || !this.scores) return;
    if (place.closest?.('input, select, textarea, dialog, video') && place.type !== 'range') return;
    const name = event.key.toLowerCase();
    if (name === ' ' && (place.closest?.('button, summary, a') || !this.video.isOpen)) return;
    const actions = { j: () => this.step(-1), k: () => this.step(1), l: () => this.loop(), t: () => this.toggleVerdict('true_alarm'), f: () => this.toggleVerdict('false_alarm'), ' ': () => this.video.toggle() };
    if (!actions[name]) return;
    event.preventDefault();
    actions[name]();
  }

  // Another job over it

  async findOthers() {
    if (this.lookedForOthers || !this.job?.result) return;
    this.lookedForOthers = true;
    try {
      const page = await json('/jobs?status=succeeded&limit=200', { signal: this.ending.signal });
      const fitting = page.jobs.filter((job) => job.id !== this.id && job.snippets === this.job.snippets);
      fitting.sort((a, b) => (b.features_sha256 === this.job.features_sha256) - (a.features_sha256 === this.job.features_sha256));
      for (const job of fitting) {
        if (job.id !== this.otherID) this.other.append(el('option', { value: job.id }, `${nameOf(job)}, ${job.model}`));
      }
      if (!fitting.length) this.otherSaid.textContent = page.next ? 'None of the newest 200 jobs has as many snippets.' : 'No other job has as many snippets.';
    } catch (error) {
      this.lookedForOthers = false;
      this.fail(error);
    }
  }

  async loadOther() {
    this.timeline.other = null;
    this.otherSaid.textContent = '';
    const wanted = this.otherID;
    if (wanted) {
      try {
        const job = await json(`/jobs/${encodeURIComponent(wanted)}`, { signal: this.ending.signal });
        // Another was chosen meanwhile.
        if (this.otherID !== wanted) return;
        if (!job.result || job.snippets !== this.job.snippets) throw new Refusal({ title: 'That job has no scores of as many snippets' });
        if (![...this.other.options].some((option) => option.value === job.id)) {
          this.other.append(el('option', { value: job.id }, `${nameOf(job)}, ${job.model}`));
        }
        this.other.value = job.id;
        this.timeline.other = Scores.ofResult(job.result);
        const { most, mean } = differenceOf(this.scores, this.timeline.other);
        this.otherSaid.textContent = `Scores differ by ${score(mean)} in the mean, by ${score(most)} at most.`;
      } catch (error) {
        if (this.ending.signal.aborted || this.otherID !== wanted) return;
        this.otherSaid.textContent = error.message || error.title;
      }
    }
    this.timeline.changed();
  }
}

/** Which button or field of a place has the focus: gives what brings it back to the one that is there in its stead. */
function focusIn(place) {
  const all = () => [...place.querySelectorAll('button, input, select')];
  const index = all().indexOf(document.activeElement);
  const { selectionStart = null, selectionEnd = null } = document.activeElement ?? {};
  return () => {
    const now = index < 0 ? null : all()[index];
    now?.focus({ preventScroll: true });
    if (now && selectionStart !== null) now.setSelectionRange(selectionStart, selectionEnd);
  };
}

function barOf(share) {
  const bar = el('i');
  bar.style.width = `${Math.round(share * 100)}%`;
  return bar;
}

function differenceOf(one, other) {
  let most = 0;
  let sum = 0;
  const known = Math.min(one.known, other.known);
  for (let snippet = 0; snippet < known; snippet += 1) {
    const difference = Math.abs(one.coarse[snippet] - other.coarse[snippet]);
    most = Math.max(most, difference);
    sum += difference;
  }
  return { most, mean: known ? sum / known : 0 };
}
