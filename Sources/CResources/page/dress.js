// The theme: the system's, or the one that was chosen by the button that each page has.

import { forgetColours, keep, kept } from './dom.js';
import { forgetColours as forgetHeat } from './heat.js';

/** Dresses the page, now and whenever its button is pressed or the system's theme changes; tells `changed()` once it has. */
export function dress(button, changed = () => {}) {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const put = () => {
    const chosen = kept('vigil-theme');
    document.documentElement.dataset.theme = chosen ?? (dark.matches ? 'dark' : 'light');
    button.textContent = `Theme: ${chosen ?? 'auto'}`;
    forgetColours();
    forgetHeat();
    changed();
  };
  button.addEventListener('click', () => {
    const next = { auto: 'light', light: 'dark', dark: 'auto' }[kept('vigil-theme') ?? 'auto'];
    keep('vigil-theme', next === 'auto' ? null : next);
    put();
  });
  dark.addEventListener('change', put);
  put();
}
