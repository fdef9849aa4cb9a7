// A video beside its scores: a file of this computer that stays in the browser.

import { clock, el } from './dom.js';

export const isVideo = (file) => file.type.startsWith('video/') || file.type === 'image/gif'
  || /\.(3gp|avi|flv|gif|m2ts|m4v|mkv|mov|mp4|mpe?g|mts|ogg|ogv|ts|vob|webm|wmv)$/i.test(file.name);

const kept = new Map();
/** Remembers the file that a job was made of, for as long as the page is open. */
export const keepFile = (job, file) => kept.set(job, file);
export const keptFile = (job) => kept.get(job);

export class VideoPanel {
  /** Calls `moved(seconds)` as the video plays or is sought, `opened()` once its length is known. */
  constructor(job, hands) {
    this.hands = hands;
    this.player = el('video', { controls: true, playsInline: true, preload: 'auto', hidden: true, 'aria-label': 'The video' });
    this.picker = el('input', { type: 'file', accept: 'video/*', class: 'unseen', tabindex: -1, 'aria-label': 'Video of these scores', onchange: () => this.open(this.picker.files[0]) });
    this.button = el('button', { type: 'button', onclick: () => this.picker.click() }, 'Open the video');
    this.said = el('p', { class: 'muted small', role: 'status' }, 'A file of this computer. It stays in this browser and is sent nowhere.');
    this.thumbs = el('canvas', { class: 'thumbs', hidden: true, 'aria-hidden': 'true' });
    this.element = el('div', { class: 'video' }, this.player, el('div', { class: 'row' }, this.button, this.picker), this.said);
    this.player.addEventListener('loadedmetadata', () => {
      this.said.textContent = `${this.name}, ${clock(this.player.duration)}, in this browser alone.`;
      this.hands.opened();
    });
    this.player.addEventListener('error', () => {
      this.player.hidden = true;
      this.said.textContent = `This browser can't play ${this.name}. The scores are as they were.`;
    });
    for (const kind of ['seeked', 'pause', 'timeupdate']) this.player.addEventListener(kind, () => this.hands.moved(this.player.currentTime));
    this.player.addEventListener('play', () => this.run());
    const file = kept.get(job);
    if (file && isVideo(file)) this.open(file);
  }

  get isOpen() {
    return this.url !== undefined && this.player.readyState > 0 && !this.player.hidden;
  }

  get seconds() {
    return this.player.duration;
  }

  open(file) {
    if (!file) return;
    this.release();
    this.name = file.name;
    this.url = URL.createObjectURL(file);
    this.player.src = this.url;
    this.player.hidden = false;
    this.button.textContent = 'Open another';
  }

  run() {
    if (this.player.paused || this.player.ended) return;
    this.hands.moved(this.player.currentTime);
    requestAnimationFrame(() => this.run());
  }

  seek(seconds) {
    if (this.isOpen) this.player.currentTime = Math.min(Math.max(0, seconds), this.player.duration || 0);
  }

  toggle() {
    if (!this.isOpen) return;
    if (this.player.paused) this.player.play();
    else this.player.pause();
  }

  /** Pictures along the strip, as far as the timeline's curves go, of a second player that nobody sees. */
  async sketch(timeline) {
    const url = this.url;
    const player = el('video', { src: url, muted: true, preload: 'auto' });
    const failed = new Promise((resolve) => player.addEventListener('error', resolve));
    const met = (kind) => Promise.race([failed, new Promise((resolve) => player.addEventListener(kind, resolve, { once: true }))]);
    await met('loadeddata');
    const { gutter: left, plotWidth: width } = timeline;
    if (!player.videoWidth || !width) return;
    const height = 54;
    const count = Math.max(2, Math.floor(width / Math.max(40, height * (player.videoWidth / player.videoHeight))));
    const ratio = window.devicePixelRatio || 1;
    this.thumbs.width = (left + width) * ratio;
    this.thumbs.height = height * ratio;
    this.thumbs.style.width = `${left + width}px`;
    this.thumbs.style.height = `${height}px`;
    this.thumbs.hidden = false;
    const context = this.thumbs.getContext('2d');
    context.scale(ratio, ratio);
    for (let index = 0; index < count && this.url === url; index += 1) {
      player.currentTime = ((index + 0.5) / count) * player.duration;
      await met('seeked');
      context.drawImage(player, left + (index / count) * width, 0, width / count - 1, height);
    }
    player.removeAttribute('src');
  }

  release() {
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = undefined;
  }
}
