'use strict';

/* Which boxes of a tree are seen, and which box is where. */
const layout = (() => {
  const NARROWEST = 1; // pixels
  const READABLE = 4; // pixels of the widest box of a row that is still shown

  /*
   * The boxes in so many pixels when the node focus fills them: its callers above it as wide as all,
   * then what it calls. Boxes of a row lie from left to right, rowFrom[row] up to rowFrom[row + 1].
   * Children come the largest first, so the first that is too narrow ends the looking. The graph ends
   * above the first row of slivers: zooming shows what is below.
   */
  function boxes(grown, focus, width) {
    const node = [0, ...tree.path(grown, focus)];
    const x = node.map(() => 0);
    const wide = node.map(() => width);
    const rowFrom = node.map((_, row) => row);
    rowFrom.push(node.length);
    const whole = grown.size[focus];
    const scale = whole > 0 ? width / whole : 0;
    const origin = grown.start[focus];
    let from = node.length - 1;
    for (let to = node.length; from < to; from = to, to = node.length) {
      for (let at = from; at < to; at += 1) {
        const caller = node[at];
        for (let kid = grown.kidsFrom[caller]; kid < grown.kidsFrom[caller + 1]; kid += 1) {
          const callee = grown.kids[kid];
          const pixels = grown.size[callee] * scale;
          if (!(pixels >= NARROWEST)) break;
          node.push(callee);
          x.push((grown.start[callee] - origin) * scale);
          wide.push(pixels);
        }
      }
      if (!wide.slice(to).some((pixels) => pixels >= READABLE)) {
        node.length = to;
        break;
      }
      rowFrom.push(node.length);
    }
    return { node, x, wide, rowFrom, rows: rowFrom.length - 1, focusRow: grown.depth[focus] };
  }

  /* The place in boxes of what is at so many pixels of a row, or -1. */
  function hit(found, row, pixels) {
    if (row < 0 || row >= found.rows) return -1;
    let low = found.rowFrom[row];
    let high = found.rowFrom[row + 1] - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (found.x[middle] <= pixels) low = middle;
      else high = middle - 1;
    }
    const inside = found.x[low] <= pixels && pixels < found.x[low] + found.wide[low];
    return inside ? low : -1;
  }

  function rowOf(found, at) {
    let row = 0;
    while (row + 1 < found.rows && found.rowFrom[row + 1] <= at) row += 1;
    return row;
  }

  /* The box that a step leads to from the box at: to the caller, a callee, or along the row. */
  function step(found, at, way) {
    const row = rowOf(found, at);
    if (way === 'left') return Math.max(at - 1, found.rowFrom[row]);
    if (way === 'right') return Math.min(at + 1, found.rowFrom[row + 1] - 1);
    const to = row + (way === 'caller' ? -1 : 1);
    if (to < 0 || to >= found.rows) return at;
    const under = hit(found, to, found.x[at] + Math.min(0.5, found.wide[at] / 2));
    return under >= 0 ? under : at;
  }

  return Object.freeze({ boxes, hit, rowOf, step });
})();
