// What can be taken away: the server's own answers, tables, subtitles, and a report that needs no server.

import { Refusal, ask, json, read } from './api.js';
import { el, nameOf, save } from './dom.js';
import { report } from './report.js';

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
  const said = review?.along(events) ?? [];
  return text([head.join(','), ...events.map((event, index) => [
    event.start, event.end, ...(seconds ? [(event.start * seconds).toFixed(3), (event.end * seconds).toFixed(3)] : []),
    cell(plain(event.label)), digits(event.score), said[index]?.verdict ?? '', cell(plain(said[index]?.note ?? '')),
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

/** The server's own text, with what reviewers say as one more member. */
const withVerdicts = (text, { verdicts }) => (verdicts.length ? text.trimEnd().replace(/\}$/, () => `,"verdicts":${JSON.stringify(verdicts)}}`) : text);

/** The server's pictures of what is in events now, as texts that a page can hold. */
async function pictures(job, events) {
  const pictured = job.result.segments.filter((one) => one.thumbnail);
  const found = await Promise.all(events.map(async (event) => {
    const inside = pictured.filter((one) => one.start < event.end && one.end > event.start);
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
  const name = nameOf(job).replace(/\.[A-Za-z0-9]+$/, '').replace(/[^\p{L}\p{N}._-]+/gu, '_');
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
      const shown = now();
      save(`${name}.html`, report(job, shown, await pictures(job, shown.events)), 'text/html');
    }));
}
