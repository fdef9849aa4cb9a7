// The colours of the heat map, which go with the theme.

import { colour } from './dom.js';

let known = null;

/** To be called when the theme has changed. */
export const forgetColours = () => (known = null);

/** For each of 256 values a pixel: of the classes, of the normal one, and where nothing is known. */
export function heatColours() {
  known ??= {
    classes: scale(['heat-0', 'heat-1', 'heat-2', 'heat-3']),
    normal: scale(['heat-0', 'heat-normal']),
    nothing: pixel(parse(colour('inset'))),
  };
  return known;
}

/** A colour of the theme, `#rrggbb`, as a pixel of a share of opacity. */
export const inkOf = (name, share) => ((pixel(parse(colour(name))) & 0xffffff) | (Math.round(share * 255) << 24)) >>> 0;

const parse = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
// Canvas pixels are red, green, blue, alpha in memory, on the little-endian machines that browsers run on.
const pixel = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

function scale(names) {
  const stops = names.map((name) => parse(colour(name)));
  return Uint32Array.from({ length: 256 }, (_, value) => {
    const place = (value / 255) * (stops.length - 1);
    const stop = Math.min(stops.length - 2, Math.floor(place));
    const share = place - stop;
    return pixel(stops[stop].map((part, channel) => Math.round(part + (stops[stop + 1][channel] - part) * share)));
  });
}
