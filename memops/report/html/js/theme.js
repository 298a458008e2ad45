'use strict';

/* Light or dark: as the system says, until the reader says otherwise. */
const theme = (() => {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const root = document.documentElement;

  function isDark() {
    return root.dataset.theme ? root.dataset.theme === 'dark' : system.matches;
  }

  function toggle() {
    root.dataset.theme = isDark() ? 'light' : 'dark';
  }

  /* The value of a colour of the style sheet, for what is painted on a canvas. */
  function colour(variable) {
    return getComputedStyle(root).getPropertyValue(variable).trim();
  }

  function faint(hex) {
    return `${hex}2e`;
  }

  function onSystem(listener) {
    system.addEventListener('change', listener);
  }

  return Object.freeze({ isDark, toggle, colour, faint, onSystem });
})();
