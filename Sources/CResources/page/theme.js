// Before anything is painted, and whenever the system's changes: the theme that was chosen, else the system's.
(() => {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const dress = () => {
    const chosen = localStorage.getItem('vigil-theme');
    document.documentElement.dataset.theme = chosen ?? (dark.matches ? 'dark' : 'light');
  };
  dress();
  dark.addEventListener('change', dress);
})();
