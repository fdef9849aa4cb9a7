// A video's scores, and the events in them by the same rule as the server's.

import { Pyramid } from './pyramid.js';

/** Scores of each snippet; NaN where they have not come yet. */
export class Scores {
  constructor(snippets, labels, fps = null) {
    this.snippets = snippets;
    this.labels = labels;
    this.framesPerSnippet = 16;
    this.fps = fps;
    /** How many have come. */
    this.known = 0;
    this.coarse = new Float32Array(snippets).fill(NaN);
    /** A row a class. */
    this.fine = labels.map(() => new Float32Array(snippets).fill(NaN));
    /** Of the coarse scores before each snippet, so that the mean of a stretch is one step. */
    this.sums = new Float64Array(snippets + 1);
    this.coarsePyramid = new Pyramid(this.coarse);
    this.finePyramids = this.fine.map((row) => new Pyramid(row));
  }

  static ofResult(result) {
    const scores = new Scores(result.snippets, result.fine.labels, result.fps);
    scores.framesPerSnippet = result.frames_per_snippet;
    scores.add(0, result.coarse, result.fine.scores);
    return scores;
  }

  /** The same, with room for more: how long a video is may only be known at its end. */
  grown(snippets) {
    const scores = new Scores(snippets, this.labels, this.fps);
    scores.framesPerSnippet = this.framesPerSnippet;
    scores.coarse.set(this.coarse);
    this.fine.forEach((row, label) => scores.fine[label].set(row));
    scores.sums.set(this.sums);
    scores.known = this.known;
    for (const pyramid of [scores.coarsePyramid, ...scores.finePyramids]) pyramid.update(0, this.known);
    return scores;
  }

  /** Takes in a chunk: coarse scores, and a row of class scores for each snippet. */
  add(start, coarse, fine) {
    this.coarse.set(coarse, start);
    for (let snippet = 0; snippet < fine.length; snippet += 1) {
      const row = fine[snippet];
      for (let label = 0; label < row.length; label += 1) this.fine[label][start + snippet] = row[label];
    }
    const end = start + coarse.length;
    for (let snippet = start; snippet < end; snippet += 1) this.sums[snippet + 1] = this.sums[snippet] + this.coarse[snippet];
    this.coarsePyramid.update(start, end);
    for (const pyramid of this.finePyramids) pyramid.update(start, end);
    this.known = Math.max(this.known, end);
  }

  /** Seconds of a snippet; null where the frames a second are not known. */
  get secondsPerSnippet() {
    return this.fps ? this.framesPerSnippet / this.fps : null;
  }

  /** The class with the highest score at a snippet. */
  best(snippet) {
    let best = 0;
    for (let label = 1; label < this.labels.length; label += 1) {
      if (this.fine[label][snippet] > this.fine[best][snippet]) best = label;
    }
    return best;
  }
}

export const defaultCut = { threshold: 0.5, leave: null, min: 1, gap: 0 };

/** The events where cutRuns has them, each with what is in it. */
export const cutEvents = (scores, cut) => cutRuns(scores, cut).map((run) => new Happening(scores, run));

/**
 * Where events are: a run begins at a snippet of at least `threshold` and goes on while the score is at least `leave`; runs
 * fewer than `gap` snippets apart are one; those shorter than `min` are dropped. Compared and summed as float32, as the
 * server does.
 */
export function cutRuns(scores, cut) {
  const threshold = Math.fround(cut.threshold);
  const leave = Math.fround(Math.min(cut.leave ?? cut.threshold, cut.threshold));
  const { coarse, known } = scores;
  const runs = [];
  let begun = -1;
  const close = (end) => {
    const last = runs[runs.length - 1];
    if (last && begun - last.end < cut.gap) last.end = end;
    else runs.push({ start: begun, end });
    begun = -1;
  };
  for (let snippet = 0; snippet < known; snippet += 1) {
    const value = coarse[snippet];
    if (begun >= 0 && value < leave) close(snippet);
    else if (begun < 0 && value >= threshold) begun = snippet;
  }
  if (begun >= 0) close(known);
  return runs.filter((run) => run.end - run.start >= cut.min);
}

/** An event. What is in it is looked up when it is asked for: there may be thousands, of which few are read. */
class Happening {
  constructor(scores, { start, end }) {
    this.scores = scores;
    this.start = start;
    this.end = end;
  }

  get content() {
    this.found ??= describe(this.scores, this);
    return this.found;
  }

  /** The abnormal class with the highest mean score. */
  get label() {
    return this.content.label;
  }

  /** The highest anomaly score. */
  get score() {
    return this.scores.coarse[this.content.peak];
  }

  /** The snippet with that score, the first of equal ones. */
  get peak() {
    return this.content.peak;
  }

  /** The mean of each class's scores. */
  get shares() {
    return this.content.shares;
  }
}

function describe(scores, { start, end }) {
  let best = 0;
  let bestSum = -1;
  const shares = scores.fine.map((row, label) => {
    let sum = 0;
    for (let snippet = start; snippet < end; snippet += 1) sum = Math.fround(sum + row[snippet]);
    if (label > 0 && sum > bestSum) {
      bestSum = sum;
      best = label;
    }
    return sum / (end - start);
  });
  let peak = start;
  for (let snippet = start; snippet < end; snippet += 1) {
    if (scores.coarse[snippet] > scores.coarse[peak]) peak = snippet;
  }
  return { label: scores.labels[best] ?? '', peak, shares };
}

/** What speaks for an event, and what against it. */
export function explain(scores, event, cut) {
  const snippets = Array.from({ length: event.end - event.start }, (_, index) => event.start + index);
  const highest = [...snippets].sort((a, b) => scores.coarse[b] - scores.coarse[a]).slice(0, 5);
  const mean = snippets.reduce((sum, snippet) => sum + scores.coarse[snippet], 0) / snippets.length;
  const below = snippets.filter((snippet) => scores.coarse[snippet] < Math.fround(cut.threshold));
  // The class branch calls normal what the anomaly branch does not.
  const disputed = snippets
    .filter((snippet) => scores.coarse[snippet] >= Math.fround(cut.threshold) && scores.best(snippet) === 0)
    .sort((a, b) => gapOfBranches(scores, b) - gapOfBranches(scores, a));
  return { highest, mean, below: below.length, disputed };
}

/** How much further the anomaly branch goes than the class branch does. */
export const gapOfBranches = (scores, snippet) => scores.coarse[snippet] - (1 - scores.fine[0][snippet]);

/** Reads an .npy of scores as the server writes it: float32, [T, 1 + classes]. */
export function readArray(buffer) {
  const view = new DataView(buffer);
  const size = view.getUint8(6) > 1 ? view.getUint32(8, true) : view.getUint16(8, true);
  const begin = (view.getUint8(6) > 1 ? 12 : 10) + size;
  const text = new TextDecoder().decode(new Uint8Array(buffer, begin - size, size));
  const [rows, columns] = /'shape': \((\d+), (\d+)/.exec(text).slice(1).map(Number);
  return { rows, columns, values: new Float32Array(buffer.slice(begin, begin + rows * columns * 4)) };
}
