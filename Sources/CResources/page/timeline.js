// The timeline: the anomaly score with a threshold to drag, the classes below it as a heat map, the whole above it.

import { clock, colour, count, el, fit as plainly, nextFrame, roundStep, score } from './dom.js';
import { heatColours, inkOf } from './heat.js';

const PAD = 10;
const AXIS = 24;
const LANE = 24;
const OVERVIEW = 46;
const LEAST_SPAN = 8;

export class Timeline {
  /** Calls `seek(snippet)`, `threshold(value)`, `viewed()` as people move things, `painted()` after each painting. */
  constructor(hands) {
    this.hands = hands;
    this.scores = null;
    this.other = null;
    this.events = [];
    this.selected = null;
    this.cut = { threshold: 0.5 };
    this.hidden = new Set();
    this.unit = 'time';
    this.cursor = 0;
    this.hover = null;
    this.from = 0;
    this.to = 1;
    this.overview = el('canvas', { class: 'overview', 'aria-hidden': 'true' });
    this.base = el('canvas', { class: 'base', 'aria-hidden': 'true' });
    this.below = el('canvas', { class: 'below', 'aria-hidden': 'true' });
    this.top = el('canvas', { class: 'top', 'aria-hidden': 'true' });
    this.tip = el('div', { class: 'tip', 'aria-hidden': 'true', hidden: true });
    this.plot = el('div', {
      class: 'plot', tabindex: 0, role: 'slider', 'aria-label': 'Position in the video', 'aria-valuemin': 0,
      'aria-describedby': 'timeline-keys',
    }, this.below, this.base, this.top, this.tip);
    this.element = el('div', { class: 'timeline' }, this.overview, this.plot);
    this.draw = nextFrame(() => this.paint());
    this.drawTop = nextFrame(() => this.paintTop());
    this.observer = new ResizeObserver(() => {
      if (this.element.clientWidth !== this.width) this.resize();
    });
    this.observer.observe(this.element);
    this.listen();
  }

  close() {
    this.observer.disconnect();
  }

  /** Shows other scores, all of them in view. */
  show(scores) {
    this.scores = scores;
    this.from = 0;
    this.to = scores.snippets;
    this.plot.setAttribute('aria-valuemax', scores.snippets - 1);
    this.place(Math.min(this.cursor, scores.snippets - 1));
    this.resize();
  }

  /** Something that is drawn has changed. */
  changed() {
    this.isHeatOld = true;
    this.whole = null;
    this.draw();
  }

  get lanes() {
    return this.scores ? this.scores.labels.map((_, label) => label).filter((label) => !this.hidden.has(label)) : [];
  }

  /** There is another place for it, or it needs another: both are looked at where it is painted, when all else has its place. */
  resize() {
    if (!this.scores) return;
    this.isMeasured = false;
    this.changed();
  }

  measure() {
    this.isMeasured = true;
    this.width = this.element.clientWidth;
    if (!this.width) return;
    this.gutter = this.width < 560 ? 74 : 112;
    this.chart = this.width < 560 ? 150 : 200;
    this.plotWidth = Math.max(1, this.width - this.gutter - PAD);
    this.lanesTop = PAD + this.chart + AXIS;
    this.height = this.lanesTop + this.lanes.length * LANE + 4;
    this.ratio = window.devicePixelRatio || 1;
    for (const [canvas, height] of [[this.overview, OVERVIEW], [this.base, this.lanesTop], [this.below, this.height], [this.top, this.height]]) {
      canvas.width = Math.round(this.width * this.ratio);
      canvas.height = Math.round(height * this.ratio);
      canvas.style.width = `${this.width}px`;
      canvas.style.height = `${height}px`;
    }
    this.plot.style.height = `${this.height}px`;
  }

  x(snippet) {
    return this.gutter + ((snippet - this.from) / (this.to - this.from)) * this.plotWidth;
  }

  snippetAt(x) {
    return this.from + ((x - this.gutter) / this.plotWidth) * (this.to - this.from);
  }

  y(value) {
    return PAD + (1 - value) * this.chart;
  }

  /** A snippet in the unit that is shown. */
  text(snippet, digits = 1) {
    const seconds = this.secondsPerSnippet;
    if (this.unit === 'time' && seconds) return clock(snippet * seconds, digits);
    return count(Math.round(this.unit === 'frames' ? snippet * this.scores.framesPerSnippet : snippet));
  }

  get secondsPerSnippet() {
    return this.scores?.secondsPerSnippet ?? this.seconds ?? null;
  }

  // What is seen

  /** Shows the snippets between two places, as near to them as there are some. */
  look(from, to) {
    const all = this.scores.snippets;
    const span = Math.min(all, Math.max(Math.min(LEAST_SPAN, all), to - from));
    this.from = Math.min(Math.max(0, from), all - span);
    this.to = this.from + span;
    this.isHeatOld = true;
    this.draw();
    this.hands.viewed?.();
  }

  zoom(factor, around = (this.from + this.to) / 2) {
    const span = Math.min(this.scores.snippets, Math.max(LEAST_SPAN, (this.to - this.from) * factor));
    const share = (around - this.from) / (this.to - this.from);
    this.look(around - share * span, around - share * span + span);
  }

  /** Brings a stretch into view with some room around it. */
  reveal(start, end) {
    const room = Math.max(4, end - start);
    if (start < this.from || end > this.to || end - start < (this.to - this.from) / 50) {
      this.look(start - room, end + room);
    }
  }

  /** Puts the cursor somewhere, in view. */
  place(snippet, { follow = false } = {}) {
    this.cursor = Math.min(Math.max(0, snippet), this.scores.snippets - 1);
    const whole = Math.floor(this.cursor);
    this.plot.setAttribute('aria-valuenow', whole);
    this.plot.setAttribute('aria-valuetext', this.spoken(whole));
    if (follow && (this.cursor < this.from || this.cursor > this.to)) {
      const span = this.to - this.from;
      this.look(this.cursor - span / 10, this.cursor + span * 0.9);
    }
    this.drawTop();
  }

  spoken(snippet) {
    const { scores } = this;
    const known = snippet < scores.known;
    const time = this.secondsPerSnippet ? `, ${clock(snippet * this.secondsPerSnippet)}` : '';
    return `snippet ${snippet}${time}${known ? `, anomaly ${score(scores.coarse[snippet])}, ${scores.labels[scores.best(snippet)]}` : ', not scored yet'}`;
  }

  // Hands

  listen() {
    const { plot, overview } = this;
    plot.addEventListener('keydown', (event) => this.key(event));
    plot.addEventListener('pointerdown', (event) => this.press(event));
    plot.addEventListener('pointermove', (event) => this.move(event));
    plot.addEventListener('pointerup', (event) => this.release(event));
    plot.addEventListener('pointercancel', (event) => this.release(event, true));
    plot.addEventListener('pointerleave', () => this.point(null));
    plot.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    this.pointers = new Map();
    overview.addEventListener('pointerdown', (event) => {
      const at = this.overviewSnippet(event);
      this.grip = at >= this.from && at <= this.to ? at - this.from : (this.to - this.from) / 2;
      overview.setPointerCapture(event.pointerId);
      this.look(at - this.grip, at - this.grip + this.to - this.from);
    });
    overview.addEventListener('pointermove', (event) => {
      if (!overview.hasPointerCapture(event.pointerId)) return;
      const from = this.overviewSnippet(event) - this.grip;
      this.look(from, from + this.to - this.from);
    });
  }

  overviewSnippet(event) {
    return ((event.offsetX - this.gutter) / this.plotWidth) * this.scores.snippets;
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? Math.max(1, Math.round((this.to - this.from) / 10)) : 1;
    const span = this.to - this.from;
    const actions = {
      ArrowLeft: () => this.go(Math.floor(this.cursor) - step),
      ArrowRight: () => this.go(Math.floor(this.cursor) + step),
      ArrowUp: () => this.hands.threshold(Math.min(1, Math.round(this.cut.threshold * 100 + 1) / 100)),
      ArrowDown: () => this.hands.threshold(Math.max(0, Math.round(this.cut.threshold * 100 - 1) / 100)),
      PageUp: () => this.look(this.from - span * 0.8, this.to - span * 0.8),
      PageDown: () => this.look(this.from + span * 0.8, this.to + span * 0.8),
      Home: () => this.go(0),
      End: () => this.go(this.scores.snippets - 1),
      '+': () => this.zoom(0.5, this.cursor),
      '=': () => this.zoom(0.5, this.cursor),
      '-': () => this.zoom(2, this.cursor),
      0: () => this.look(0, this.scores.snippets),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  go(snippet) {
    this.place(snippet, { follow: true });
    this.hands.seek(this.cursor);
  }

  press(event) {
    if (event.button) return;
    this.plot.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, event.offsetX);
    const near = event.pointerType === 'touch' ? 16 : 7;
    const onLine = Math.abs(event.offsetY - this.y(this.cut.threshold)) < near && event.offsetY < PAD + this.chart + near;
    this.drag = { kind: onLine ? 'threshold' : 'pan', x: event.offsetX, from: this.from, to: this.to, moved: false };
  }

  move(event) {
    const touching = event.pointerType === 'touch';
    if (!this.drag) {
      if (!touching) this.point(event.offsetX, event.offsetY);
      return;
    }
    if (this.pointers.size === 2) return this.pinch(event);
    this.pointers.set(event.pointerId, event.offsetX);
    if (this.drag.kind === 'threshold') {
      const value = 1 - (event.offsetY - PAD) / this.chart;
      this.hands.threshold(Math.round(Math.min(1, Math.max(0, value)) * 1000) / 1000);
      this.drag.moved = true;
      return;
    }
    if (Math.abs(event.offsetX - this.drag.x) > 4) this.drag.moved = true;
    if (!this.drag.moved) return;
    const shift = ((this.drag.x - event.offsetX) / this.plotWidth) * (this.drag.to - this.drag.from);
    this.look(this.drag.from + shift, this.drag.to + shift);
    this.point(null);
  }

  pinch(event) {
    const before = [...this.pointers.values()];
    this.pointers.set(event.pointerId, event.offsetX);
    const after = [...this.pointers.values()];
    const spread = Math.max(8, Math.abs(before[0] - before[1])) / Math.max(8, Math.abs(after[0] - after[1]));
    this.zoom(spread, this.snippetAt((after[0] + after[1]) / 2));
    this.drag.moved = true;
  }

  release(event, cancelled = false) {
    this.pointers.delete(event.pointerId);
    const drag = this.drag;
    if (this.pointers.size) {
      // The finger that is left goes on from what is seen now.
      const [x] = this.pointers.values();
      if (drag?.kind === 'pan') this.drag = { kind: 'pan', x, from: this.from, to: this.to, moved: true };
      return;
    }
    this.drag = null;
    if (!drag || drag.moved || cancelled || event.offsetX < this.gutter) return;
    this.go(Math.max(0, this.snippetAt(event.offsetX)));
  }

  /** With the plot focused, or with Ctrl: otherwise the page scrolls. */
  wheel(event) {
    const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (!sideways && !event.ctrlKey && !event.metaKey && document.activeElement !== this.plot) return;
    event.preventDefault();
    const scale = event.deltaMode === 1 ? 30 : 1;
    if (sideways) {
      const shift = (((event.deltaX || event.deltaY) * scale) / this.plotWidth) * (this.to - this.from);
      this.look(this.from + shift, this.to + shift);
    } else {
      this.zoom(Math.exp(Math.max(-200, Math.min(200, event.deltaY * scale)) / 300), this.snippetAt(event.offsetX));
    }
  }

  point(x, y) {
    const inside = x !== null && x >= this.gutter && x <= this.gutter + this.plotWidth;
    this.hover = inside ? Math.min(this.scores.snippets - 1, Math.floor(this.snippetAt(x))) : null;
    this.plot.classList.toggle('on-line', inside && Math.abs(y - this.y(this.cut.threshold)) < 7);
    this.tip.hidden = this.hover === null;
    if (this.hover !== null) this.fillTip(x);
    this.drawTop();
  }

  fillTip(x) {
    const { scores, hover } = this;
    const frames = scores.framesPerSnippet;
    const seconds = this.secondsPerSnippet;
    const classes = scores.labels
      .map((label, index) => ({ label, value: scores.fine[index][hover] }))
      .sort((a, b) => b.value - a.value)
      .slice(0, 3);
    const lines = [
      el('strong', {}, `Snippet ${count(hover)}`),
      el('span', {}, `frames ${count(hover * frames)}–${count(hover * frames + frames - 1)}`),
      seconds ? el('span', {}, `${clock(hover * seconds)} – ${clock((hover + 1) * seconds)}`) : null,
    ];
    if (hover < scores.known) {
      lines.push(el('span', { class: 'value' }, `anomaly ${score(scores.coarse[hover])}`));
      if (this.other && hover < this.other.known) lines.push(el('span', {}, `other ${score(this.other.coarse[hover])}`));
      for (const { label, value } of classes) lines.push(el('span', {}, `${label} ${score(value)}`));
    } else lines.push(el('span', {}, 'not scored yet'));
    this.tip.replaceChildren(...lines.filter(Boolean));
    const right = x > this.width / 2;
    this.tip.style.left = right ? '' : `${x + 14}px`;
    this.tip.style.right = right ? `${this.width - x + 14}px` : '';
  }

  // Paint

  paint() {
    if (!this.scores) return;
    if (!this.isMeasured) this.measure();
    if (!this.width) return;
    const begun = performance.now();
    const context = this.begin(this.base);
    this.paintGrid(context);
    this.paintEvents(context);
    if (this.other) this.paintCurve(context, this.other, 'other', null);
    this.paintCurve(context, this.scores, 'accent', 'alert');
    this.paintUnknown(context);
    this.paintThreshold(context);
    // A canvas of their own, since dragging the threshold does not change them.
    if (this.isHeatOld) this.paintLanes(this.begin(this.below));
    this.isHeatOld = false;
    this.paintOverview();
    this.paintTop();
    /** Milliseconds that the last painting took, for those who measure. */
    this.took = performance.now() - begun;
    this.hands.painted?.();
  }

  begin(canvas) {
    const context = canvas.getContext('2d');
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, canvas.height / this.ratio);
    context.font = `12px ${colour('font')}`;
    context.textBaseline = 'middle';
    return context;
  }

  paintGrid(context) {
    context.strokeStyle = colour('line');
    context.fillStyle = colour('muted');
    context.lineWidth = 1;
    context.textAlign = 'right';
    for (const value of [0, 0.25, 0.5, 0.75, 1]) {
      const y = Math.round(this.y(value)) + 0.5;
      context.beginPath();
      context.moveTo(this.gutter, y);
      context.lineTo(this.gutter + this.plotWidth, y);
      context.stroke();
      context.fillText(value.toFixed(2), this.gutter - 8, y);
    }
    context.textAlign = 'center';
    const { step, digits, scale } = this.ticks();
    const y = PAD + this.chart;
    for (let tick = Math.ceil((this.from * scale) / step) * step; tick <= this.to * scale; tick += step) {
      const x = this.x(tick / scale);
      context.fillRect(Math.round(x), y, 1, 4);
      const text = this.text(tick / scale, digits);
      const half = context.measureText(text).width / 2;
      if (x - half >= 0 && x + half <= this.width) context.fillText(text, x, y + 13);
    }
  }

  /** Round numbers of what is shown, about 90 pixels apart. */
  ticks() {
    const seconds = this.secondsPerSnippet;
    const isTime = this.unit === 'time' && seconds;
    const scale = isTime ? seconds : this.unit === 'frames' ? this.scores.framesPerSnippet : 1;
    const wanted = ((this.to - this.from) * scale * 90) / this.plotWidth;
    const step = roundStep(wanted, isTime);
    return { step, digits: step < 1 ? 1 : 0, scale };
  }

  paintEvents(context) {
    context.fillStyle = colour('band');
    const others = this.selected ? this.events.filter((event) => event !== this.selected) : this.events;
    this.paintStretches(context, others, this.from, this.to, PAD, this.chart);
    context.fillStyle = colour('band-strong');
    if (this.selected) this.paintStretches(context, [this.selected], this.from, this.to, PAD, this.chart);
  }

  /** Events between two snippets as stripes: those that share a pixel are one, so that there are no more than pixels. */
  paintStretches(context, events, from, to, top, height) {
    const scale = this.plotWidth / (to - from);
    let [begin, end] = [0, 0];
    const flush = () => end > begin && context.fillRect(this.gutter + begin, top, end - begin, height);
    for (const event of events) {
      if (event.end < from || event.start > to) continue;
      const left = Math.max(0, (event.start - from) * scale);
      const right = Math.min(this.plotWidth, Math.max(left + 1, (event.end - from) * scale));
      if (end > begin && left < Math.ceil(end)) end = Math.max(end, right);
      else {
        flush();
        [begin, end] = [left, right];
      }
    }
    flush();
  }

  paintCurve(context, scores, plainName, highName) {
    if ((this.to - this.from) / this.plotWidth > 0.75) {
      this.paintColumns(context, scores, plainName, highName);
      return;
    }
    const [plain, high] = [colour(plainName), highName && colour(highName)];
    const outline = this.outline(scores);
    if (!outline) return;
    const split = high ? this.y(this.cut.threshold) : PAD + this.chart;
    const parts = high
      ? [[plain, split, PAD + this.chart + 2 - split], [high, PAD - 4, split - PAD + 4]]
      : [[plain, PAD - 4, this.chart + 6]];
    for (const [style, top, height] of parts) {
      context.save();
      context.beginPath();
      context.rect(this.gutter, top, this.plotWidth, height);
      context.clip();
      context.fillStyle = style;
      context.strokeStyle = style;
      if (high) {
        context.globalAlpha = 0.14;
        context.fill(outline.area);
        context.globalAlpha = 1;
      }
      context.lineWidth = high ? 1.5 : 1.25;
      context.lineJoin = 'round';
      context.stroke(outline.line);
      context.restore();
    }
  }

  /** The curve's line and the area below it, a step a snippet. */
  outline(scores) {
    const from = Math.max(0, Math.floor(this.from));
    const to = Math.min(scores.known, Math.ceil(this.to));
    if (to <= from) return null;
    const line = new Path2D();
    const area = new Path2D();
    const bottom = this.y(0);
    area.moveTo(this.x(from), bottom);
    for (let snippet = from; snippet < to; snippet += 1) {
      const y = this.y(scores.coarse[snippet]);
      const [left, right] = [this.x(snippet), this.x(snippet + 1)];
      if (snippet === from) line.moveTo(left, y);
      else line.lineTo(left, y);
      line.lineTo(right, y);
      area.lineTo(left, y);
      area.lineTo(right, y);
    }
    area.lineTo(this.x(to), bottom);
    return { line, area };
  }

  /**
   * Where a pixel is many snippets: from their least to their greatest, and their mean. It is drawn pixel by pixel, since a path of
   * so many points takes longer to be filled than all else.
   */
  paintColumns(context, scores, plain, high) {
    const to = Math.min(scores.known, Math.ceil(this.to));
    const columns = Math.max(1, Math.round(this.plotWidth * this.ratio));
    const [top, height] = [PAD - 4, this.chart + 8];
    const rows = Math.round(height * this.ratio);
    this.ink ??= document.createElement('canvas');
    if (this.ink.width !== columns || this.ink.height !== rows) [this.ink.width, this.ink.height] = [columns, rows];
    const ink = this.ink.getContext('2d');
    const image = ink.createImageData(columns, rows);
    const pixels = new Uint32Array(image.data.buffer);
    const row = (value) => Math.min(rows - 1, Math.max(0, Math.round((this.y(value) - top) * this.ratio)));
    const split = high ? row(this.cut.threshold) : 0;
    const share = high ? 0.3 : 0.15;
    const [band, line] = [inkOf(plain, share), inkOf(plain, 1)];
    const [highBand, highLine] = high ? [inkOf(high, share), inkOf(high, 1)] : [band, line];
    const thick = Math.max(1, Math.round(this.ratio));
    const step = (this.to - this.from) / columns;
    const pyramid = scores.coarsePyramid;
    const fill = (column, from, end, above, below) => {
      for (let y = from; y <= end; y += 1) pixels[y * columns + column] = y < split ? above : below;
    };
    let before = -1;
    for (let column = 0; column < columns; column += 1) {
      const begin = this.from + column * step;
      if (begin >= to) break;
      const end = Math.min(to, begin + step);
      pyramid.look(begin, end);
      if (pyramid.most < pyramid.least) continue;
      const [first, last] = [Math.floor(begin), Math.max(Math.floor(begin) + 1, Math.ceil(end))];
      const mean = row((scores.sums[last] - scores.sums[first]) / (last - first));
      fill(column, row(pyramid.most), row(pyramid.least), highBand, band);
      if (before < 0) before = mean;
      fill(column, Math.min(before, mean), Math.min(rows - 1, Math.max(before, mean) + thick - 1), highLine, line);
      before = mean;
    }
    ink.putImageData(image, 0, 0);
    context.drawImage(this.ink, this.gutter, top, this.plotWidth, height);
  }

  paintUnknown(context) {
    const left = Math.max(this.gutter, this.x(this.scores.known));
    const right = this.gutter + this.plotWidth;
    if (this.scores.known >= this.scores.snippets || left >= right) return;
    context.fillStyle = colour('unknown');
    context.fillRect(left, PAD, right - left, this.chart);
    if (right - left < 120) return;
    context.fillStyle = colour('muted');
    context.textAlign = 'center';
    context.fillText('not scored yet', (left + right) / 2, this.y(0.875));
  }

  paintThreshold(context) {
    const right = this.gutter + this.plotWidth;
    const { threshold, leave } = this.cut;
    if (leave !== null && leave !== undefined && leave < threshold) {
      context.strokeStyle = colour('muted');
      context.setLineDash([2, 4]);
      context.beginPath();
      context.moveTo(this.gutter, this.y(leave));
      context.lineTo(right, this.y(leave));
      context.stroke();
    }
    const y = this.y(threshold);
    context.strokeStyle = colour('text');
    context.lineWidth = 1.5;
    context.setLineDash([6, 4]);
    context.beginPath();
    context.moveTo(this.gutter, y);
    context.lineTo(right, y);
    context.stroke();
    context.setLineDash([]);
    const text = threshold.toFixed(threshold * 100 % 1 ? 3 : 2);
    const width = context.measureText(text).width + 14;
    context.fillStyle = colour('text');
    context.beginPath();
    context.roundRect(right - width - 2, Math.min(Math.max(y - 10, 1), PAD + this.chart - 18), width, 20, 10);
    context.fill();
    context.fillStyle = colour('surface');
    context.textAlign = 'center';
    context.fillText(text, right - width / 2 - 2, Math.min(Math.max(y, 11), PAD + this.chart - 8) + 0.5);
  }

  paintLanes(context) {
    const { lanes } = this;
    context.textAlign = 'right';
    lanes.forEach((label, row) => {
      context.fillStyle = colour('muted');
      context.fillText(this.fit(context, plainly(this.scores.labels[label])), this.gutter - 8, this.lanesTop + row * LANE + LANE / 2);
    });
    if (!lanes.length) return;
    const heat = this.heatOf(lanes);
    context.imageSmoothingEnabled = false;
    lanes.forEach((_, row) => {
      context.drawImage(
        heat, 0, row, heat.width, 1, this.gutter, this.lanesTop + row * LANE + 1, this.plotWidth, LANE - 2);
    });
  }

  fit(context, text) {
    const room = this.gutter - 12;
    if (context.measureText(text).width <= room) return text;
    let short = text;
    while (short.length > 1 && context.measureText(`${short}…`).width > room) short = short.slice(0, -1);
    return `${short}…`;
  }

  /** A row a class and a column a pixel: the highest score in it. */
  heatOf(lanes) {
    const columns = Math.max(1, Math.round(this.plotWidth));
    const canvas = document.createElement('canvas');
    canvas.width = columns;
    canvas.height = lanes.length;
    const context = canvas.getContext('2d');
    const image = context.createImageData(columns, lanes.length);
    const pixels = new Uint32Array(image.data.buffer);
    const { classes, normal, nothing } = heatColours();
    const step = (this.to - this.from) / columns;
    lanes.forEach((label, row) => {
      const pyramid = this.scores.finePyramids[label];
      const colours = label ? classes : normal;
      for (let column = 0; column < columns; column += 1) {
        pyramid.look(this.from + column * step, this.from + (column + 1) * step);
        pixels[row * columns + column] = pyramid.most >= 0 ? colours[Math.min(255, (pyramid.most * 255) | 0)] : nothing;
      }
    });
    context.putImageData(image, 0, 0);
    return canvas;
  }

  paintOverview() {
    const context = this.begin(this.overview);
    this.whole ??= this.wholeCurve();
    context.fillStyle = colour('inset');
    context.fillRect(this.gutter, 2, this.plotWidth, OVERVIEW - 4);
    context.drawImage(this.whole, 0, 0, this.whole.width, this.whole.height, this.gutter, 2, this.plotWidth, OVERVIEW - 4);
    const all = this.scores.snippets;
    context.fillStyle = colour('alert');
    this.paintStretches(context, this.events, 0, all, 2, 4);
    const left = this.gutter + (this.from / all) * this.plotWidth;
    const right = this.gutter + (this.to / all) * this.plotWidth;
    context.fillStyle = colour('veil');
    context.fillRect(this.gutter, 2, left - this.gutter, OVERVIEW - 4);
    context.fillRect(right, 2, this.gutter + this.plotWidth - right, OVERVIEW - 4);
    context.strokeStyle = colour('accent');
    context.lineWidth = 1.5;
    context.strokeRect(left + 0.75, 2.75, Math.max(2, right - left - 1.5), OVERVIEW - 5.5);
    context.fillStyle = colour('muted');
    context.textAlign = 'right';
    context.fillText('whole', this.gutter - 8, OVERVIEW / 2);
  }

  wholeCurve() {
    const columns = Math.max(1, Math.round(this.plotWidth));
    const height = OVERVIEW - 4;
    const canvas = document.createElement('canvas');
    canvas.width = columns;
    canvas.height = height;
    const context = canvas.getContext('2d');
    const all = this.scores.snippets;
    const pyramid = this.scores.coarsePyramid;
    context.fillStyle = colour('accent');
    for (let column = 0; column < columns; column += 1) {
      pyramid.look((column / columns) * all, ((column + 1) / columns) * all);
      if (pyramid.most >= 0) context.fillRect(column, height - pyramid.most * (height - 8) - 1, 1, pyramid.most * (height - 8) + 1);
    }
    return canvas;
  }

  paintTop() {
    if (!this.scores || !this.width) return;
    const context = this.begin(this.top);
    if (this.selected) {
      const left = Math.max(this.gutter, this.x(this.selected.start));
      const right = Math.min(this.gutter + this.plotWidth, this.x(this.selected.end));
      if (right > left) {
        context.strokeStyle = colour('alert');
        context.lineWidth = 1.5;
        context.strokeRect(left, PAD, right - left, this.chart);
      }
    }
    this.paintMark(context, this.hover === null ? null : this.hover + 0.5, colour('muted'), 1);
    this.paintMark(context, this.cursor, colour('cursor'), 2);
  }

  paintMark(context, snippet, style, width) {
    if (snippet === null || snippet < this.from || snippet > this.to) return;
    const x = this.x(snippet);
    context.fillStyle = style;
    context.fillRect(x - width / 2, PAD, width, this.height - PAD - 4);
    const whole = Math.floor(snippet);
    if (whole >= this.scores.known) return;
    context.beginPath();
    context.arc(x, this.y(this.scores.coarse[whole]), 3.5, 0, Math.PI * 2);
    context.fill();
  }
}
