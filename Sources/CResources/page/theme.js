// Before anything is painted: the theme that was chosen, else the system's.
(() => {
  const chosen = localStorage.getItem('vigil-theme');
  const isDark = chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
})();
