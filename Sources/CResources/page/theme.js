// Before anything is painted, and whenever the system's changes: the theme that was chosen, else the system's.
(() => {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const chosen = () => {
    try {
      return localStorage.getItem('vigil-theme');
    } catch {
      // Where a page may store nothing, to ask is refused too.
      return null;
    }
  };
  const dress = () => {
    document.documentElement.dataset.theme = chosen() ?? (dark.matches ? 'dark' : 'light');
  };
  dress();
  dark.addEventListener('change', dress);
})();
