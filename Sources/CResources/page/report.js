// A page of its own with what is shown of a job: it says what `vigil score --format html` says, of the events as they are cut here,
// and what reviewers say. Nothing in it runs or is fetched.

import { clock, el, fit, nameOf, score } from './dom.js';
import { judged, progress, words } from './review.js';

// The same look as that of Sources/Reports/Drawing, and as many points.
const STYLE = `:root{color-scheme:light dark;--page:#fcfcfb;--panel:#fff;--ink:#1d1f22;--soft:#5d636b;--line:#dfe2e6;--coarse:#1f6fb4;--fine:#c2570c;--truth:#b42318}
@media(prefers-color-scheme:dark){:root{--page:#15171a;--panel:#1d2024;--ink:#e8eaed;--soft:#a2a9b2;--line:#373c43;--coarse:#6cb2f0;--fine:#f2a25c;--truth:#f4776b}}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}main{max-width:1080px;margin:0 auto;padding:24px 20px 60px}
h1{margin:0 0 6px;font-size:26px;overflow-wrap:anywhere}h2{margin:24px 0 8px;font-size:16px}p{margin:6px 0;color:var(--soft)}
.figures{display:flex;flex-wrap:wrap;gap:12px;margin:14px 0}.figures div{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:8px 16px;color:var(--soft);font-size:13px}
.figures b{display:block;color:var(--ink);font-size:22px;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}.drawing{overflow-x:auto;background:var(--panel);border:1px solid var(--line);border-radius:8px}
.drawing svg{display:block;width:100%;min-width:640px}.pictures{display:flex;flex-wrap:wrap;gap:12px;margin:0 0 12px}figure{margin:0;max-width:200px}img{display:block;max-width:100%;height:auto;border-radius:6px}
figcaption{color:var(--soft);font-size:13px}.wide{overflow-x:auto}table{border-collapse:collapse;background:var(--panel);font-size:14px}
th,td{border:1px solid var(--line);padding:4px 10px;text-align:right;font-variant-numeric:tabular-nums}th{color:var(--soft);font-weight:600}th:first-child,td:first-child{text-align:left}td{overflow-wrap:anywhere}
.notes{color:var(--soft);padding-left:20px}summary{cursor:pointer;margin:20px 0 8px;font-weight:600}
svg{font:12px system-ui,sans-serif;fill:var(--ink)}svg .grid{stroke:var(--line)}svg .soft{fill:var(--soft)}svg .curve{fill:none;stroke:var(--coarse);stroke-width:1.8;stroke-linejoin:round}
svg .back{fill:var(--panel);stroke:var(--line)}svg .event{fill:var(--truth);opacity:.2}svg .shade{fill:var(--fine)}svg .limit{stroke:var(--soft);stroke-dasharray:5 4;fill:none}`;
const [LEFT, RIGHT, TOP, BOTTOM, LANES_TOP, LANE] = [150, 944, 40, 220, 262, 16];
const [POINTS, CELLS, LANES, SHADES, CLASSES] = [794, 397, 24, 10, 32];

// Rounded as the program rounds.
const tenth = (value) => (Math.round(value * 10) / 10).toFixed(1);
const whole = (share) => `${Math.round(share * 100)}%`;

/** `shown` is what the job's view shows: scores, events, cut, seconds of a snippet, review; `pictures` those of events, as `data:`. */
export function report(job, { scores, events, cut, seconds, review }, pictures = []) {
  const page = document.implementation.createHTMLDocument(`${nameOf(job)}: scores`);
  page.documentElement.lang = 'en';
  const { result } = job;
  page.head.append(
    el('meta', { charset: 'utf-8' }), el('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }), el('meta', { name: 'referrer', content: 'no-referrer' }),
    el('meta', { 'http-equiv': 'Content-Security-Policy', content: "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'" }));
  const time = (snippet) => (seconds ? clock(snippet * seconds) : `snippet ${snippet}`);
  const notes = [
    result.caveat && `model '${job.model}': ${result.caveat}`, result.untrained && `model '${job.model}': its weights are random: the scores mean nothing`, ...(job.warnings ?? []),
  ].filter(Boolean);
  const inside = events.reduce((sum, event) => sum + event.end - event.start, 0);
  const figures = [
    ['highest snippets, mean', score(result.video.coarse)], ['class', result.video.label], ['segments', `${events.length}`], ['of it in segments', whole(inside / Math.max(1, scores.known))],
    seconds ? ['length', clock(scores.known * seconds)] : ['snippets', `${scores.known}`],
  ];
  const isJudged = review.verdicts.length > 0;
  const said = review.along(events);
  const verdict = (one) => (one ? [words[one.verdict], one.note].filter(Boolean).join(': ') : '');
  const rows = events.map((event, index) => [
    event.label, ...(seconds ? [time(event.start), time(event.end)] : []), `${event.start} – ${event.end}`, score(event.score), `${event.peak}`, ...(isJudged ? [verdict(said[index])] : []),
  ]);
  const classes = Object.entries(result.video.scores).sort((a, b) => b[1] - a[1]).slice(0, CLASSES);
  const { threshold, leave, min, gap } = cut;
  const facts = [
    ['model', job.model], ...Object.entries(result.provenance).filter(([, value]) => typeof value === 'string'), ['job', job.id], ['scored', job.finished_at ?? ''],
    ['segments', `threshold ${threshold}, leave ${leave ?? threshold}, least snippets ${min}, merge gap ${gap}`],
  ];
  page.body.append(el('main', {},
    el('h1', {}, nameOf(job)), el('div', { class: 'figures' }, figures.map(([name, value]) => el('div', {}, el('b', {}, value), name))),
    notes.length ? el('ul', { class: 'notes' }, notes.map((one) => el('li', {}, one))) : '',
    el('div', { class: 'drawing', tabindex: 0, role: 'region', 'aria-label': 'Drawing' }, drawing(job, scores, events, threshold, time)),
    el('h2', {}, 'Segments'), isJudged ? el('p', {}, progress(judged(events, review))) : '',
    pictures.length ? el('div', { class: 'pictures' }, pictures.map(({ event, url }) => el('figure', {},
      el('img', { src: url, alt: `${event.label}, ${time(event.start)}` }), el('figcaption', {}, `${event.label}, ${time(event.start)}`)))) : '',
    events.length
      ? table('Segments', ['class', ...(seconds ? ['from', 'to'] : []), 'snippets (end excluded)', 'score', 'highest at', ...(isJudged ? ['verdict'] : [])], rows)
      : el('p', {}, `No segment reaches the threshold ${threshold}.`),
    el('h2', {}, 'Classes of the whole'), table('Classes of the whole', ['class', 'score'], classes.map(([label, value]) => [label, `${tenth(value * 100)}%`])),
    el('details', {}, el('summary', {}, 'Where the scores come from'), table('Where the scores come from', ['what', 'is'], facts))));
  // As text, since the policy of this page allows no inline style in what it makes.
  return `<!DOCTYPE html>\n${page.documentElement.outerHTML.replace('</head>', () => `<style>${STYLE}</style></head>`)}\n`;
}

const table = (name, heads, rows) => el('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': name }, el('table', {},
  el('thead', {}, el('tr', {}, heads.map((head) => el('th', { scope: 'col' }, head)))),
  el('tbody', {}, rows.map((row) => el('tr', {}, row.map((value) => el('td', {}, value)))))));

const svg = (name, attributes, ...children) => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.map((child) => (typeof child === 'string' ? fit(child) : child)));
  return element;
};

/** The curve with the threshold and the segments, and below it a lane of each abnormal class, the darker the higher. */
function drawing(job, scores, events, threshold, time) {
  const { known, labels } = scores;
  const x = (snippet) => LEFT + ((RIGHT - LEFT) * snippet) / Math.max(known, 1);
  const y = (value) => BOTTOM - (BOTTOM - TOP) * Math.min(1, Math.max(0, value));
  const ranges = (most) => Array.from({ length: Math.min(known, most) }, (_, part, count = Math.min(known, most)) => [Math.floor((part * known) / count), Math.floor(((part + 1) * known) / count)]);
  const highest = (pyramid, [from, to]) => (pyramid.look(from, to), pyramid.most);
  const all = labels.map((_, label) => label).slice(1);
  const peaks = scores.finePyramids.map((pyramid) => highest(pyramid, [0, known]));
  const lanes = all.length > LANES ? [...all].sort((a, b) => peaks[b] - peaks[a]).slice(0, LANES).sort((a, b) => a - b) : all;
  const height = LANES_TOP + lanes.length * LANE + (lanes.length < all.length ? 30 : 14);
  const title = `${nameOf(job)}: highest snippets ${score(job.result.video.coarse)} in the mean, ${job.result.video.label}`;
  const text = (attributes, words) => svg('text', { class: 'soft', ...attributes }, words);
  const picture = svg('svg', { viewBox: `0 0 960 ${height}`, role: 'img', 'aria-label': title },
    text({ x: LEFT, y: 24, class: '', 'font-weight': 600 }, title), svg('rect', { class: 'back', x: LEFT, y: TOP, width: RIGHT - LEFT, height: BOTTOM - TOP }));
  for (const event of events) {
    picture.append(svg('rect', { class: 'event', x: tenth(x(event.start)), y: TOP, width: tenth(Math.max(1, x(event.end) - x(event.start))), height: BOTTOM - TOP },
      svg('title', {}, `${event.label} ${score(event.score)}, snippets ${event.start} to ${event.end}`)));
  }
  for (const value of [0, 0.25, 0.5, 0.75, 1]) {
    picture.append(svg('path', { class: 'grid', d: `M${LEFT} ${y(value)}H${RIGHT}` }), text({ x: LEFT - 8, y: y(value), dy: 4, 'text-anchor': 'end' }, value.toFixed(2)));
  }
  picture.append(svg('path', { class: 'limit', d: `M${LEFT} ${tenth(y(threshold))}H${RIGHT}` }, svg('title', {}, `threshold ${threshold}`)));
  let [line, level] = ['', ''];
  for (const range of ranges(POINTS)) {
    const next = tenth(y(highest(scores.coarsePyramid, range)));
    // Where the score stays the line goes on.
    if (next !== level) line += `${line ? 'H' : 'M'}${tenth(x(range[0]))}${line ? 'V' : ' '}${next}`;
    level = next;
  }
  picture.append(svg('path', { class: 'curve', d: `${line}H${tenth(RIGHT)}` }));
  for (let part = 0; part <= 4; part += 1) {
    const snippet = Math.floor((part * known) / 4);
    picture.append(text({ x: tenth(x(snippet)), y: 238, 'text-anchor': part === 0 ? 'start' : part === 4 ? 'end' : 'middle' }, time(snippet)));
  }
  lanes.forEach((label, row) => {
    const top = LANES_TOP + row * LANE - 10;
    picture.append(text({ x: LEFT - 8, y: top, dy: 11, 'text-anchor': 'end' }, labels[label].length > 20 ? `${labels[label].slice(0, 19)}…` : labels[label]));
    let begun = { shade: 0, from: 0 };
    const end = (snippet) => {
      const { shade, from } = begun;
      if (shade > 0) picture.append(svg('rect', { class: 'shade', x: tenth(x(from)), y: top, width: tenth(x(snippet) - x(from)), height: 14, opacity: (shade / SHADES).toFixed(1) }));
    };
    for (const range of ranges(CELLS)) {
      const shade = Math.round(Math.min(1, Math.max(0, highest(scores.finePyramids[label], range))) * SHADES);
      if (shade === begun.shade) continue;
      end(range[0]);
      begun = { shade, from: range[0] };
    }
    end(known);
  });
  if (lanes.length < all.length) picture.append(text({ x: LEFT, y: height - 10 }, `and ${all.length - lanes.length} classes more`));
  return picture;
}
