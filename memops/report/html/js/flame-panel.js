'use strict';

/* The flame graph with its controls: what is shown, the search, the way back, what is said aloud. */
const flamePanel = (() => {
  const { h, name } = dom;
  const CRUMBS = 5;
  const WORTH = 20;

  function create(study, theme) {
    const trees = new Map(); // by that, and by what is shown
    const { words, rows, shape } = study.bulk;
    const shapes = new Map([[false, shape]]); // by leaf first or not
    const state = {
      view: rows.growth ? 'growth' : 'live', leaf: false, flip: false, focus: 0, cursor: 0, query: '',
    };
    const said = h('p', { id: 'flame-said', class: 'said', 'aria-live': 'polite' });
    const crumbs = h('nav', { class: 'crumbs', 'aria-label': 'Where the graph is zoomed to' });
    const result = h('output', { class: 'result', 'aria-live': 'polite' });
    const left = h('span', { class: 'left' });
    const key = h('div', { class: 'key' });
    const field = h('input', {
      type: 'search', placeholder: 'Search, also by pattern', spellcheck: 'false',
      'aria-label': 'Search functions by a regular expression', autocomplete: 'off',
    });
    const picture = flame.create({ painted, pointed, chosen: zoom, moved });
    const views = rows.growth && dom.choice('What is shown',
      [['growth', 'Growth', 'Key: g'], ['live', 'Live', 'Key: g']], state.view, setView);
    const ways = dom.choice('How stacks are grouped',
      [[false, 'By caller', 'From the root of each stack. Key: b'],
        [true, 'By allocator', 'From the function that allocates, its callers below. Key: b']],
      state.leaf, setLeaf);
    const flip = h('button', { type: 'button', 'aria-pressed': 'false', title: 'Key: i', onclick: toggleFlip },
      'Root at bottom');
    const reset = h('button', { type: 'button', title: 'Key: Esc', onclick: () => zoom(0) }, 'Reset');

    function grown() {
      const which = `${state.view} ${state.leaf}`;
      if (!shapes.has(state.leaf)) shapes.set(true, tree.fromLeaf(shape));
      if (!trees.has(which)) trees.set(which, tree.weigh(shapes.get(state.leaf), rows[state.view]));
      return trees.get(which);
    }

    function text(code) {
      return code < 0 ? 'all' : words[code].function;
    }

    function matches() {
      const { test } = search.matcher(state.query);
      return test && search.words(words, test);
    }

    let lastQuery = null;
    let lastMatches = null;
    function update() {
      const dark = theme.isDark();
      if (lastQuery !== state.query) {
        lastQuery = state.query;
        lastMatches = matches();
      }
      picture.show({
        grown: grown(), focus: state.focus, cursor: state.cursor, flip: state.flip, text, dark,
        isGrowth: state.view === 'growth', matches: lastMatches, ink: colour.ink(dark),
        soft: theme.colour('--ink'), accent: theme.colour('--accent'), hue: (code) => hue(code, dark),
      });
      tellMatches();
      tellCrumbs();
      tellKey(dark);
      reset.disabled = state.focus === 0;
    }

    function hue(code, dark) {
      if (code < 0) return colour.plain(dark);
      return words[code].reason ? colour.unnamed(dark) : colour.ofLibrary(words[code].module, dark);
    }

    /* Bytes, objects, error. */
    function amount(node) {
      const each = grown();
      return [each.net[node], each.objects[node], Math.sqrt(each.variance[node])];
    }

    /* ``inflate (libz.so.1): +37.0 MiB ± 2.2 in 900 objects, 17.3 %``. */
    function sentence(node) {
      const each = grown();
      const code = each.code[node];
      const origin = code >= 0 ? tables.origin(words[code]) : '';
      const [bytes, objects, error] = amount(node);
      return `${format.clip(text(code), 300)}${origin && ` (${origin})`}: `
        + `${format.amount(bytes, error, state.view === 'growth')} in ${format.objects(objects)}, `
        + format.share(each.size[node], each.size[0]);
    }

    function tellMatches() {
      if (!lastMatches) {
        result.textContent = '';
        return;
      }
      const each = grown();
      const { size, count } = search.matched(each, lastMatches, state.focus);
      const literal = search.matcher(state.query).literal ? ' (as plain text)' : '';
      result.textContent = count
        ? `${format.share(size, each.size[state.focus])} in ${format.count(count)} `
          + `${count === 1 ? 'box' : 'boxes'}${literal}`
        : `no match${literal}`;
    }

    function crumb(node) {
      return h('button', { type: 'button', onclick: () => zoom(node) },
        name(format.clip(format.short(text(grown().code[node])), 48)));
    }

    function tellCrumbs() {
      const path = [0, ...tree.path(grown(), state.focus)];
      const shown = path.length > CRUMBS ? [path[0], null, ...path.slice(2 - CRUMBS)] : path;
      crumbs.replaceChildren(...shown.flatMap((node, at) => [
        at ? h('span', { 'aria-hidden': 'true' }, '›') : '',
        node === null ? h('span', {}, '…') : crumb(node),
      ]));
    }

    function tellKey(dark) {
      const chip = (fill, label) => h('span', { class: 'chip' },
        h('i', { style: { background: fill } }), label);
      key.replaceChildren(...(state.view === 'growth'
        ? [chip(colour.growth(1, dark), 'grew'), chip(colour.growth(-1, dark), 'shrank'),
          chip(colour.growth(0, dark), 'hardly changed')]
        : [chip(`linear-gradient(90deg, ${[0, 3, 6].map((at) =>
          `hsl(${colour.HUES[at]} 40% ${dark ? 34 : 78}%)`).join(', ')})`, 'a colour per library'),
        chip(colour.unnamed(dark), 'no name')]));
    }

    function painted(found) {
      const hidden = grown().count - found.node.length;
      left.textContent = hidden > 0 && found.node.length > 1
        ? `${format.count(found.node.length)} of ${format.count(grown().count)} boxes are wide enough to draw`
        : '';
    }

    function pointed(node, event) {
      if (node < 0) {
        dom.hideTip();
        return;
      }
      const each = grown();
      const code = each.code[node];
      const reason = code >= 0 && words[code].reason;
      const [bytes, objects, error] = amount(node);
      dom.showTip(event.clientX, event.clientY,
        h('strong', {}, format.clip(text(code), 400)),
        code >= 0 && h('div', { class: 'soft' }, tables.origin(words[code])),
        h('div', {}, format.amount(bytes, error, state.view === 'growth'),
          h('span', { class: 'soft' }, ` in ${format.objects(objects)}`)),
        h('div', {}, format.share(each.size[node], each.size[0]),
          h('span', { class: 'soft' }, state.view === 'growth' ? ' of what changed' : ' of what is live')),
        reason && h('div', { class: 'soft' }, `no name: ${reason}`));
    }

    function moved(node) {
      state.cursor = node;
      said.textContent = sentence(node);
      update();
    }

    function zoom(node) {
      state.focus = node;
      dom.hideTip();
      moved(node);
    }

    function setView(view) {
      state.view = view;
      if (views) views.set(view);
      moved(state.focus);
    }

    function setLeaf(leaf) {
      state.leaf = leaf;
      ways.set(leaf);
      zoom(0);
    }

    function toggleFlip() {
      state.flip = !state.flip;
      flip.setAttribute('aria-pressed', String(state.flip));
      update();
    }

    let typing = 0;
    field.addEventListener('input', () => {
      clearTimeout(typing);
      typing = setTimeout(() => { state.query = field.value; update(); }, 120);
    });
    field.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') picture.element.focus();
    });

    function escape() {
      if (state.query || field.value) {
        clearTimeout(typing);
        field.value = '';
        state.query = '';
        update();
      } else {
        zoom(0);
      }
    }

    const element = dom.section('flame', 'Flame graph',
      h('p', { class: 'about' }, rows.growth
        ? 'Width is what changed between the first dump and the last, or what is live; '
          + 'callers are above what they call.'
        : 'Width is what is live; callers are above what they call.'),
      h('div', { class: 'bar' }, views && views.element, ways.element, flip,
        h('span', { class: 'find' }, field, h('kbd', {}, '/')), result),
      h('div', { class: 'bar under' }, crumbs, reset, h('span', { class: 'grow' }), key),
      picture.element, h('div', { class: 'bar foot' }, said, left),
      stackTable(study, WORTH));
    moved(0);
    return {
      element, update,
      keys: {
        '/': () => { field.focus(); field.select(); },
        g: () => views && setView(state.view === 'growth' ? 'live' : 'growth'),
        b: () => setLeaf(!state.leaf),
        i: toggleFlip,
        Escape: escape,
      },
    };
  }

  /* The same for those who see no picture. */
  function stackTable(study, most) {
    const list = tables.largest(study, most);
    return h('details', { class: 'plain' }, h('summary', {}, `The ${list.length} largest stacks as a list`),
      h('ol', {}, list.map(({ amount, calls }) => h('li', {}, h('span', { class: 'number' }, amount), ' ',
        name(calls.map((call) => format.clip(call.function, 120)).join(' ← '))))));
  }

  return Object.freeze({ create });
})();
