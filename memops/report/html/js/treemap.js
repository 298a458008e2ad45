'use strict';

/* Rectangles whose areas are as weights, as square as may be (Bruls, Huizing, van Wijk 2000). */
const treemap = (() => {
  /* Where each of weights, the largest first, lies in { x, y, width, height }. */
  function squarify(weights, area) {
    const placed = [];
    const total = weights.reduce((sum, each) => sum + each, 0);
    const scale = total > 0 ? (area.width * area.height) / total : 0;
    let free = { ...area };
    let from = 0;
    while (from < weights.length) {
      const side = Math.min(free.width, free.height);
      let to = from + 1;
      let sum = weights[from] * scale;
      while (to < weights.length && !(side <= 0)) {
        const more = sum + weights[to] * scale;
        if (worst(weights[from], weights[to], more, side, scale)
          > worst(weights[from], weights[to - 1], sum, side, scale)) break;
        sum = more;
        to += 1;
      }
      free = strip(weights.slice(from, to), scale, sum, free, placed);
      from = to;
    }
    return placed;
  }

  /* The worst ratio of sides in a strip of so much area between its largest weight and its least. */
  function worst(most, least, sum, side, scale) {
    const thick = sum / side;
    const ratio = (weight) => {
      const long = (weight * scale) / (thick || 1);
      return Math.max(thick / (long || 1e-9), long / (thick || 1e-9));
    };
    return Math.max(ratio(most), ratio(least));
  }

  /* Lays weights along the shorter side; gives what is free after them. */
  function strip(weights, scale, sum, free, placed) {
    const upright = free.width >= free.height;
    const side = upright ? free.height : free.width;
    const thick = side > 0 ? Math.min(sum / side, upright ? free.width : free.height) : 0;
    let along = upright ? free.y : free.x;
    for (const weight of weights) {
      const long = thick > 0 ? (weight * scale) / thick : 0;
      placed.push(upright
        ? { x: free.x, y: along, width: thick, height: long }
        : { x: along, y: free.y, width: long, height: thick });
      along += long;
    }
    return upright
      ? { ...free, x: free.x + thick, width: free.width - thick }
      : { ...free, y: free.y + thick, height: free.height - thick };
  }

  return Object.freeze({ squarify });
})();
