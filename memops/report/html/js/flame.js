'use strict';

/*
 * The flame graph on a canvas: paints what layout.js found, and tells which box is pointed at or has
 * the focus. What it shows is given to it as one state; it keeps none but the boxes on the screen.
 */
const flame = (() => {
  const { h } = dom;
  const ROW = 21;
  const GAP = 1;
  const LINE = 3; // under what the search found
  const FONT = '12px ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace';
  const FADED = 0.32;

  function create(on) {
    const canvas = h('canvas', { class: 'boxes', role: 'presentation' });
    const mark = h('div', { class: 'mark', hidden: true });
    const over = h('div', { class: 'mark over', hidden: true });
    const element = h('div', {
      class: 'flame', tabindex: 0, role: 'application', 'aria-roledescription': 'flame graph',
      'aria-label': 'Flame graph. Arrow keys move, Enter zooms, Escape resets.',
      'aria-describedby': 'flame-said',
    }, canvas, over, mark);
    let state = null;
    let found = null;
    let waiting = 0;

    /* Paints state when the browser is ready for it, once however often it is asked. */
    function show(next) {
      state = next;
      if (!waiting) waiting = requestAnimationFrame(() => { waiting = 0; paint(); });
    }

    function top(row) {
      return (state.flip ? found.rows - 1 - row : row) * ROW;
    }

    function paint() {
      const width = element.clientWidth;
      if (!state || !width) return;
      found = layout.boxes(state.grown, state.focus, width);
      const height = found.rows * ROW;
      const ratio = devicePixelRatio || 1;
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.height = `${height}px`;
      const context = canvas.getContext('2d', { alpha: true });
      context.scale(ratio, ratio);
      draw(context);
      place(mark, state.cursor);
      over.hidden = true;
      on.painted(found);
    }

    function draw(context) {
      context.font = FONT;
      context.textBaseline = 'middle';
      context.direction = 'ltr';
      const column = context.measureText('m').width;
      const fills = new Map();
      for (let row = 0; row < found.rows; row += 1) {
        const y = top(row);
        for (let at = found.rowFrom[row]; at < found.rowFrom[row + 1]; at += 1) {
          box(context, at, row, y, column, fills);
        }
      }
      context.globalAlpha = 1;
    }

    function box(context, at, row, y, column, fills) {
      const node = found.node[at];
      const code = state.grown.code[node];
      const wide = Math.max(found.wide[at] - GAP, 0.6);
      const aside = state.matches && !(code >= 0 && state.matches[code]);
      context.globalAlpha = aside || row < found.focusRow ? FADED : 1;
      context.fillStyle = shade(node, code, fills);
      context.fillRect(found.x[at], y, wide, ROW - GAP);
      if (state.matches && !aside) {
        context.fillStyle = state.accent;
        context.fillRect(found.x[at], y + ROW - GAP - LINE, wide, LINE);
      }
      if (wide < 3 * column) return;
      context.globalAlpha = aside && row >= found.focusRow ? 0.6 : 1;
      context.fillStyle = aside || row < found.focusRow ? state.soft : state.ink;
      context.fillText(label(context, state.text(code), wide - 8, column), found.x[at] + 4,
        y + ROW / 2);
    }

    function shade(node, code, fills) {
      if (state.isGrowth) {
        return colour.growth(state.grown.net[node] / (state.grown.size[state.focus] || 1), state.dark);
      }
      if (!fills.has(code)) fills.set(code, state.hue(code));
      return fills.get(code);
    }

    function place(element_, node) {
      const at = found ? found.node.indexOf(node) : -1;
      element_.hidden = at < 0;
      if (at < 0) return;
      const row = layout.rowOf(found, at);
      Object.assign(element_.style, {
        left: `${found.x[at]}px`, top: `${top(row)}px`,
        width: `${Math.max(found.wide[at] - GAP, 2)}px`, height: `${ROW - GAP}px`,
      });
    }

    function pointed(event) {
      if (!found) return -1;
      const area = canvas.getBoundingClientRect();
      const line = Math.floor((event.clientY - area.top) / ROW);
      const row = state.flip ? found.rows - 1 - line : line;
      const at = layout.hit(found, row, event.clientX - area.left);
      return at < 0 ? -1 : found.node[at];
    }

    canvas.addEventListener('mousemove', (event) => {
      const node = pointed(event);
      place(over, node);
      on.pointed(node, event);
    });
    canvas.addEventListener('mouseleave', () => { over.hidden = true; on.pointed(-1); });
    canvas.addEventListener('click', (event) => {
      const node = pointed(event);
      if (node >= 0) on.chosen(node);
    });
    element.addEventListener('keydown', (event) => {
      const way = direction(event.key, state.flip);
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (way && found) {
        const at = Math.max(found.node.indexOf(state.cursor), 0);
        on.moved(found.node[layout.step(found, at, way)]);
      } else if (event.key === 'Enter' || event.key === ' ') {
        on.chosen(state.cursor);
      } else {
        return;
      }
      event.preventDefault();
    });
    new ResizeObserver(() => state && show(state)).observe(element);
    return { element, show };
  }

  function direction(key, flip) {
    const callee = flip ? 'ArrowUp' : 'ArrowDown';
    const caller = flip ? 'ArrowDown' : 'ArrowUp';
    return { ArrowLeft: 'left', ArrowRight: 'right', [callee]: 'callee', [caller]: 'caller' }[key];
  }

  /* As much of a name as fits: without packages, or cut. Wide characters have to be measured. */
  function label(context, text, pixels, column) {
    const plain = /^[\x20-\x7e]*$/.test(text);
    const columns = Math.floor(pixels / column);
    if (plain) {
      if (text.length <= columns) return text;
      return format.clip(format.short(text), columns);
    }
    let low = 0;
    let high = Math.min(text.length, columns);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (context.measureText(text.slice(0, middle)).width <= pixels - column) low = middle;
      else high = middle - 1;
    }
    return low === text.length ? text : `${text.slice(0, low)}…`;
  }

  return Object.freeze({ create });
})();
