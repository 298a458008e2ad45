'use strict';

/* Puts the report together: the study that is looked at, the keys, the theme. */
const main = (() => {
  const { h } = dom;
  const KEYS = [
    ['/', 'search the flame graph (a regular expression)'],
    ['← → ↑ ↓', 'move from box to box, once the graph has the focus'],
    ['Enter', 'zoom to the box'],
    ['Esc', 'end the search; then zoom out'],
    ['g', 'growth or what is live'],
    ['b', 'stacks by caller or by allocator'],
    ['i', 'root at the top or at the bottom'],
    ['t', 'light or dark'],
    ['?', 'this list'],
  ];

  function help() {
    const dialog = h('dialog', { class: 'help', 'aria-label': 'Keys' }, h('h2', {}, 'Keys'),
      h('table', {}, h('tbody', {}, KEYS.map(([key, what]) =>
        h('tr', {}, h('th', { scope: 'row' }, h('kbd', {}, key)), h('td', {}, what))))),
      h('form', { method: 'dialog' }, h('button', {}, 'Close')));
    dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
    return dialog;
  }

  function contents(parts) {
    return h('nav', { class: 'contents', 'aria-label': 'Contents' }, parts.filter(Boolean).map((part) =>
      part.id && h('a', { href: `#${part.id}` }, part.querySelector('h2').textContent)));
  }

  /* The study as it is shown, and what of it has to be painted anew when the theme changes. */
  async function page(report, study) {
    study.bulk = study.bulk || unpack.study(await unpack.inflate(study.packed));
    const panel = flamePanel.create(study, theme);
    const live = [panel, growth.create(study, theme), space.map(study), space.waterfall(study)];
    const [, chart, map, rss] = live;
    const parts = [sections.findings(study), panel.element, chart && chart.element, map && map.element,
      rss && rss.element, ...tables.create(study), sections.rest(study), sections.provenance(study, report)];
    return {
      content: [sections.header(study), contents(parts), ...parts].filter(Boolean),
      keys: panel.keys,
      update: () => live.forEach((each) => each && each.update()),
    };
  }

  function picker(report, choose) {
    if (report.studies.length < 2) return null;
    const select = h('select', { 'aria-label': 'Process', onchange: () => choose(Number(select.value)) },
      report.studies.map((study, at) => h('option', { value: at }, format.clip(`${study.place} ${study.who}`, 100))));
    return select;
  }

  async function start() {
    const report = JSON.parse(document.getElementById('data').textContent);
    const root = h('main', {});
    const dialog = help();
    let current = { keys: {}, update() {} };

    async function choose(at) {
      current = await page(report, report.studies[at]);
      root.replaceChildren(...current.content);
    }

    function repaint() {
      toggle.textContent = theme.isDark() ? 'Light' : 'Dark';
      current.update();
    }

    function change() {
      theme.toggle();
      repaint();
    }

    const toggle = h('button', { type: 'button', title: 'Key: t', onclick: change });
    const top = h('div', { class: 'top' }, h('span', { class: 'brand' }, 'memops'),
      picker(report, choose), h('span', { class: 'grow' }), toggle,
      h('button', { type: 'button', title: 'Key: ?', onclick: () => dialog.showModal() }, 'Keys'));
    theme.onSystem(repaint);
    document.addEventListener('scroll', dom.hideTip, { passive: true });
    document.addEventListener('keydown', (event) => {
      dom.hideTip();
      const typing = event.target.closest('input, textarea, select');
      if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
      if (typing && event.key !== 'Escape') return;
      const action = { t: change, '?': () => dialog.showModal(), ...current.keys }[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    });
    document.body.append(top, root, dialog, dom.tip);
    try {
      await choose(0);
    } catch (error) {
      root.append(h('p', { class: 'broken', role: 'alert' },
        `This browser cannot show the report: ${error.message}. A newer one can.`));
    }
    repaint();
  }

  return Object.freeze({ start });
})();

main.start();
