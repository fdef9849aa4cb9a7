// Elements, and words for numbers.

// Characters that nobody sees or that turn the order of others around, by the rule of the program's own lines; tabs and line ends may be.
const unfit = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
/** A text from elsewhere as it may be shown: what would hide in it is seen to be there. */
export const fit = (text) => text.replace(unfit, '\ufffd');
/** What a job is called. */
export const nameOf = (job) => fit(job.name ?? job.id);

/** An element with properties, listeners (`onclick`) and children. Text is always text: nothing here reads HTML. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'class') element.className = value;
    else if (name in element && !name.includes('-') && name !== 'list' && name !== 'role') element[name] = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (typeof child === 'string' ? fit(child) : child)));
  return element;
}

// What a browser that keeps nothing was to keep: it counts as long as the page is open.
const held = new Map();

/** What the browser keeps under a name. */
export function kept(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return held.get(name) ?? null;
  }
}

/** Has it keep that; nothing for null. */
export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    held.set(name, value);
  }
}

/** Says something to who can't see it. */
export function announce(text) {
  const place = document.getElementById('said');
  if (place) place.textContent = fit(text);
}

/** 83.2 seconds as 1:23.2. */
export function clock(seconds, digits = 1) {
  if (!Number.isFinite(seconds)) return '';
  const scale = 10 ** digits;
  const rounded = Math.round(Math.max(0, seconds) * scale) / scale;
  const hours = Math.floor(rounded / 3600);
  const minutes = Math.floor(rounded / 60) % 60;
  const rest = (rounded % 60).toFixed(digits).padStart(digits ? digits + 3 : 2, '0');
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

/** The least step between the marks of an axis that is round, in seconds or in numbers, and at least so much. */
export function roundStep(least, isTime) {
  const steps = isTime
    ? [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400]
    : Array.from({ length: 24 }, (_, power) => [1, 2, 5][power % 3] * 10 ** Math.floor(power / 3));
  return steps.find((one) => one >= least) ?? steps.at(-1) * Math.ceil(least / steps.at(-1));
}

/** How long something takes, in words. */
export function duration(seconds) {
  if (seconds < 1) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${(seconds / 3600).toFixed(1)} h` : `${Math.round(seconds / 86400)} days`;
}

export function bytes(count) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) {
    count /= 1024;
    unit += 1;
  }
  return `${count < 10 && unit ? count.toFixed(1) : Math.round(count)} ${units[unit]}`;
}

/** 12345 as 12,345; by hand, since the browser's own way reads its tables of languages before the first chart. */
export const count = (number) => String(number).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
export const many = (number, one, more = `${one}s`) => `${count(number)} ${number === 1 ? one : more}`;
export const score = (value) => (Number.isFinite(value) ? value.toFixed(3) : '–');
export const percent = (value) => `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;
/** A text of the server's, which may begin small and end without a stop, as one that stands alone. */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
const twoDigits = (number) => String(number).padStart(2, '0');
/** A time of the server's as this place's, by hand too: 2026-11-30 23:39:48. */
export function when(text) {
  if (!text) return '–';
  const time = new Date(text);
  const day = [time.getFullYear(), time.getMonth() + 1, time.getDate()].map(twoDigits).join('-');
  return `${day} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(twoDigits).join(':')}`;
}

/** Calls `action` once in the next frame, however often it is asked to. */
export function nextFrame(action) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      action();
    });
  };
}

const colours = new Map();

/** The value of a custom property of the theme; kept until the theme changes. */
export function colour(name) {
  if (!colours.has(name)) {
    colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  }
  return colours.get(name);
}

export const forgetColours = () => colours.clear();

/** Hands a file to the browser's downloads. */
export function save(name, content, type) {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  el('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
