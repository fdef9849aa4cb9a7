// What can be taken away: the server's own answers, tables, subtitles, and a report that needs no server.

import { Refusal, ask, json, read } from './api.js';
import { clock, count, el, many, percent, roundStep, save, score, sentence } from './dom.js';
import { judged, progress, words } from './review.js';

const text = (lines) => `${lines.join('\n')}\n`;
// What begins so would be a formula to a spreadsheet.
const plain = (value) => (/^[=+\-@\t\r]/.test(value) ? `'${value}` : value);
const cell = (value) => (/[",\n\r]/.test(`${value}`) ? `"${`${value}`.replaceAll('"', '""')}"` : `${value}`);
/** The shortest digits that read back to the same float32. */
function digits(value) {
  for (let precision = 6; precision < 9; precision += 1) {
    const short = value.toPrecision(precision);
    if (Math.fround(Number(short)) === value) return `${Number(short)}`;
  }
  return `${Number(value.toPrecision(9))}`;
}

export function scoresCSV(scores) {
  const seconds = scores.secondsPerSnippet;
  const lines = [['snippet', 'frame', ...(seconds ? ['seconds'] : []), 'coarse', ...scores.labels.map(plain)].map(cell).join(',')];
  for (let snippet = 0; snippet < scores.known; snippet += 1) {
    const place = [snippet, snippet * scores.framesPerSnippet, ...(seconds ? [(snippet * seconds).toFixed(3)] : [])];
    lines.push([...place, digits(scores.coarse[snippet]), ...scores.fine.map((row) => digits(row[snippet]))].join(','));
  }
  return text(lines);
}

export function eventsCSV(events, seconds, review) {
  const head = ['start', 'end', ...(seconds ? ['start_seconds', 'end_seconds'] : []), 'label', 'score', 'verdict', 'note'];
  return text([head.join(','), ...events.map((event) => [
    event.start, event.end, ...(seconds ? [(event.start * seconds).toFixed(3), (event.end * seconds).toFixed(3)] : []),
    cell(plain(event.label)), digits(event.score), review?.of(event)?.verdict ?? '', cell(plain(review?.of(event)?.note ?? '')),
  ].join(','))]);
}

/** Times of subtitles: hours:minutes:seconds and thousandths behind a mark. */
function stamp(seconds, mark) {
  const whole = Math.round(seconds * 1000);
  const part = (value, places = 2) => String(Math.floor(value)).padStart(places, '0');
  return `${part(whole / 3600000)}:${part((whole / 60000) % 60)}:${part((whole / 1000) % 60)}${mark}${part(whole % 1000, 3)}`;
}

// A line break would end a cue, and of --> a player would make its times.
const cue = (event) => `${event.label.replace(/\s+/g, ' ').replaceAll('-->', '→')} ${event.score.toFixed(2)}`;

export const subtitles = (events, seconds) => text(events.flatMap((event, index) => [
  ...(index ? [''] : []), index + 1, `${stamp(event.start * seconds, ',')} --> ${stamp(event.end * seconds, ',')}`, cue(event),
]));

const inVTT = (line) => line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
export const captions = (events, seconds) => text(['WEBVTT', ...events.flatMap((event) => [
  '', `${stamp(event.start * seconds, '.')} --> ${stamp(event.end * seconds, '.')}`, inVTT(cue(event)),
])]);

const REPORT = `body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:32px auto;padding:0 20px;color:#16202b;background:#fff}
h1{font-size:1.6rem;overflow-wrap:anywhere}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:6px 10px;border-bottom:1px solid #dfe4ea}
td{overflow-wrap:anywhere}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}dl{display:grid;grid-template-columns:auto minmax(0,1fr);gap:2px 16px}dt{color:#55616e}dd{margin:0;overflow-wrap:anywhere}
.note{background:#fff4de;padding:8px 14px;border-left:4px solid #8a5200}svg{width:100%;display:block}.shots{display:flex;flex-wrap:wrap;gap:12px}figure{margin:0;max-width:200px}img{max-width:100%;display:block;border-radius:6px}figcaption{color:#55616e;font-size:.86rem}@media(max-width:560px){body{margin:12px auto;padding:0 12px}th,td{padding:4px;font-size:.86rem}}svg text{font:11px system-ui,sans-serif;fill:#55616e}`;

/** A page of its own: the curve, the classes, the events, what they were made with. Nothing in it runs or is fetched. */
export function report(job, scores, events, cut, seconds, review, pictures = []) {
  const page = document.implementation.createHTMLDocument(`${job.name ?? job.id}: scores`);
  page.documentElement.lang = 'en';
  const { result } = job;
  page.head.append(
    el('meta', { charset: 'utf-8' }), el('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
    el('meta', { 'http-equiv': 'Content-Security-Policy', content: "default-src 'none'; style-src 'unsafe-inline'; img-src data:" }));
  const time = (snippet) => (seconds ? clock(snippet * seconds) : count(snippet));
  const isJudged = review.verdicts.length > 0;
  const judge = (event) => {
    const said = isJudged && review.of(event);
    return isJudged ? el('td', {}, said ? [words[said.verdict], said.note].filter(Boolean).join(': ') : '') : '';
  };
  const rows = events.map((event) => el('tr', {},
    el('td', { class: 'n' }, time(event.start)), el('td', { class: 'n' }, time(event.end)), el('td', {}, event.label),
    el('td', { class: 'n' }, score(event.score)), el('td', { class: 'n' }, `${event.start}–${event.end - 1}`), judge(event)));
  const fact = (term, value) => [el('dt', {}, term), el('dd', {}, value)];
  page.body.append(el('main', {},
    el('h1', {}, job.name ?? job.id),
    result.caveat ? el('p', { class: 'note' }, sentence(result.caveat)) : '',
    result.untrained ? el('p', { class: 'note' }, "The model's weights are random: these scores mean nothing.") : '',
    el('p', {}, `${many(events.length, 'event')} at a threshold of ${cut.threshold}. The whole: anomaly ${score(result.video.coarse)}, ${result.video.label}.`),
    chart(scores, events, cut, seconds), classes(scores), isJudged ? el('p', {}, progress(judged(events, review))) : '',
    pictures.length ? el('div', { class: 'shots' }, pictures.map(({ event, url }) => el('figure', {},
      el('img', { src: url, alt: `${event.label} at ${time(event.start)}` }), el('figcaption', {}, `${event.label}, ${time(event.start)}`)))) : '',
    el('h2', {}, 'Events'),
    events.length
      ? el('table', {}, el('thead', {}, el('tr', {}, ['from', 'to', 'class', 'score', 'snippets', ...(isJudged ? ['verdict'] : [])].map((name) => el('th', { scope: 'col', class: ['class', 'verdict'].includes(name) ? '' : 'n' }, name)))), el('tbody', {}, rows))
      : el('p', {}, 'None.'),
    el('h2', {}, 'How they were made'),
    el('dl', {}, fact('Job', job.id), fact('Scored', job.finished_at ?? ''), fact('Model', `${job.model}, SHA-256 ${result.provenance.model_sha256}`),
      fact('Features', `${many(job.snippets, 'snippet')}, SHA-256 ${job.features_sha256}`),
      fact('Vigil', `${result.provenance.vigil}, ${result.provenance.kernels}, ${result.provenance.compute}`),
      fact('Events', `threshold ${cut.threshold}, leave ${cut.leave ?? cut.threshold}, least snippets ${cut.min}, merge gap ${cut.gap}`))));
  // As text, since the policy of this page allows no inline style in what it makes.
  return `<!DOCTYPE html>\n${page.documentElement.outerHTML.replace('</head>', `<style>${REPORT}</style></head>`)}\n`;
}

const svg = (name, attributes, ...children) => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};

function chart(scores, events, cut, seconds) {
  const [width, height, left] = [960, 180, 36];
  const inner = width - left;
  const points = [];
  const columns = Math.min(scores.known, 1400);
  for (let column = 0; column < columns; column += 1) {
    const begin = (column / columns) * scores.known;
    scores.coarsePyramid.look(begin, ((column + 1) / columns) * scores.known);
    points.push(`${(left + (column / columns) * inner).toFixed(1)},${((1 - scores.coarsePyramid.most) * height + 4).toFixed(1)}`);
  }
  const y = (value) => (1 - value) * height + 4;
  const picture = svg('svg', { viewBox: `0 -6 ${width} ${height + 32}`, role: 'img', 'aria-label': `Anomaly scores of ${many(scores.known, 'snippet')}` });
  for (const event of events) {
    picture.append(svg('rect', { x: left + (event.start / scores.known) * inner, y: 4, width: Math.max(1, ((event.end - event.start) / scores.known) * inner), height, fill: '#b8321a', 'fill-opacity': 0.16 }));
  }
  for (const value of [0, 0.5, 1]) {
    picture.append(svg('line', { x1: left, x2: width, y1: y(value), y2: y(value), stroke: '#dfe4ea' }), svg('text', { x: left - 6, y: y(value) + 4, 'text-anchor': 'end' }, value.toFixed(1)));
  }
  picture.append(svg('polyline', { points: points.join(' '), fill: 'none', stroke: '#0b5fa5', 'stroke-width': 1.3 }),
    svg('line', { x1: left, x2: width, y1: y(cut.threshold), y2: y(cut.threshold), stroke: '#16202b', 'stroke-dasharray': '6 4' }));
  // Round numbers, of which the last stands within the picture.
  const whole = scores.known * (seconds ?? 1);
  const step = roundStep(whole / 8, Boolean(seconds));
  for (let tick = 0; tick <= whole; tick += step) {
    const x = left + (tick / whole) * inner;
    picture.append(svg('text', { x, y: height + 20, 'text-anchor': x > width - 20 ? 'end' : tick ? 'middle' : 'start' }, seconds ? clock(tick, step < 1 ? 1 : 0) : count(tick)));
  }
  return picture;
}

/** The mean of each class, as a table: what of the heat map can be read out. */
function classes(scores) {
  const means = scores.fine.map((row) => row.subarray(0, scores.known).reduce((sum, value) => sum + value, 0) / scores.known);
  return el('p', {}, `Class shares of all snippets: ${scores.labels.map((label, index) => `${label} ${percent(means[index])}`).join(', ')}.`);
}

/** The server's own text, with what reviewers say as one more member. */
const withVerdicts = (text, { verdicts }) => (verdicts.length ? text.trimEnd().replace(/\}$/, () => `,"verdicts":${JSON.stringify(verdicts)}}`) : text);

/** The server's pictures of what is in events now, as texts that a page can hold. */
async function pictures(job, events) {
  const found = await Promise.all(events.map(async (event) => {
    const inside = job.result.segments.filter((one) => one.thumbnail && one.start < event.end && one.end > event.start);
    const best = inside.sort((a, b) => b.score - a.score)[0];
    if (!best) return null;
    try {
      const blob = await read(await ask(best.thumbnail, { accept: 'image/jpeg' }), 'blob');
      const url = await new Promise((resolve) => {
        const reader = new FileReader();
        reader.addEventListener('load', () => resolve(reader.result));
        reader.readAsDataURL(blob);
      });
      return { event, url };
    } catch (error) {
      // A picture that is gone is no reason to have no report.
      if (error instanceof Refusal) return null;
      throw error;
    }
  }));
  return found.filter(Boolean);
}

/** Buttons for all of them. `now()` gives what is shown at the moment. */
export function downloads(job, now, failed) {
  const name = (job.name ?? job.id).replace(/\.[A-Za-z0-9]+$/, '').replace(/[^\p{L}\p{N}._-]+/gu, '_');
  const get = async (accept, ending, content = (answer) => read(answer, 'blob'), path = '') => {
    try {
      const answer = await ask(`/jobs/${job.id}${path}`, { accept });
      save(`${name}.${ending}`, await content(answer), accept);
    } catch (error) {
      failed(error);
    }
  };
  const timed = now().seconds === null;
  const why = timed ? 'needs frames a second, or the video beside' : undefined;
  const button = (label, action, disabled = false) => el('button', { type: 'button', onclick: action, disabled, title: disabled ? why : undefined }, label);
  return el('div', { class: 'row' },
    button('JSON', () => get('application/json', 'json', async (answer) => withVerdicts(await read(answer, 'text'), await json(`/jobs/${job.id}/verdicts`)))),
    button('npy', () => get('application/x-npy', 'npy')),
    button('Scores, CSV', () => save(`${name}.scores.csv`, scoresCSV(now().scores), 'text/csv')),
    button('Events, CSV', () => save(`${name}.events.csv`, eventsCSV(now().events, now().seconds, now().review), 'text/csv')),
    button('Verdicts, CSV', () => get('text/csv', 'annotations.csv', (answer) => read(answer, 'blob'), '/verdicts')),
    button('SRT', () => save(`${name}.srt`, subtitles(now().events, now().seconds), 'application/x-subrip'), timed),
    button('VTT', () => save(`${name}.vtt`, captions(now().events, now().seconds), 'text/vtt'), timed),
    button('Report', async () => {
      const { scores, events, cut, seconds, review } = now();
      save(`${name}.html`, report(job, scores, events, cut, seconds, review, await pictures(job, events)), 'text/html');
    }));
}
