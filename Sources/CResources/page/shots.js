// The server's pictures of events, above the stretches that they are of.

import { at } from './api.js';
import { el, score } from './dom.js';

const GAP = 4;

/** A strip of them. `chosen(segment)` is told of which one was pressed. */
export class Shots {
  constructor(chosen) {
    this.chosen = chosen;
    this.shown = [];
    this.element = el('div', { class: 'shots', role: 'group', 'aria-label': 'Pictures of events', hidden: true });
  }

  /** Shows those of the segments that have one. */
  show(segments, timeline) {
    this.shown = segments.filter((one) => one.thumbnail).sort((a, b) => b.score - a.score).map((segment) => {
      const place = timeline.text(segment.start);
      const picture = el('img', { src: at(segment.thumbnail), alt: '', loading: 'eager', decoding: 'async' });
      const button = el('button', {
        type: 'button', class: 'shot', title: `${segment.label}, ${place}`, 'aria-label': `${segment.label || 'Event'} at ${place}, ${score(segment.score)}`,
        onclick: () => this.chosen(segment),
      }, picture);
      const shot = { segment, button };
      picture.addEventListener('load', () => this.place(timeline));
      picture.addEventListener('error', () => {
        this.shown = this.shown.filter((one) => one !== shot);
        button.remove();
        this.place(timeline);
      });
      return shot;
    });
    this.element.replaceChildren(...[...this.shown].sort((a, b) => a.segment.start - b.segment.start).map((one) => one.button));
    this.place(timeline);
  }

  /** Puts each above the middle of its stretch, as that is seen; of those that would cover each other the highest scores are seen. */
  place(timeline) {
    this.element.hidden = this.shown.length === 0;
    if (this.element.hidden || !timeline.plotWidth) return;
    const height = timeline.width < 560 ? 38 : 54;
    this.element.style.height = `${height}px`;
    const [left, right] = [timeline.gutter, timeline.gutter + timeline.plotWidth];
    const taken = [];
    for (const { segment, button } of this.shown) {
      const picture = button.firstChild;
      const width = picture.naturalWidth ? Math.round((height * picture.naturalWidth) / picture.naturalHeight) : 72;
      const middle = timeline.x((segment.start + segment.end) / 2);
      const from = Math.min(right - width, Math.max(left, middle - width / 2));
      const isSeen = segment.end > timeline.from && segment.start < timeline.to
        && taken.every(([start, end]) => from + width + GAP <= start || from >= end + GAP);
      button.hidden = !isSeen;
      if (!isSeen) continue;
      taken.push([from, from + width]);
      button.style.left = `${Math.round(from)}px`;
      button.style.width = `${width}px`;
    }
  }
}
