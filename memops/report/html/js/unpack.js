'use strict';

/* The bulky part of a study: JSON, deflated, in base64. */
const unpack = (() => {
  async function inflate(base64) {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
    return JSON.parse(await new Response(stream).text());
  }

  /* Amounts, column by column; an error that the bytes tell is not written (see stacks.py). */
  function amounts({ bytes, objects, error }, variance) {
    return {
      bytes: Float64Array.from(bytes),
      objects: Float64Array.from(objects),
      error: Float64Array.from(error || bytes, error ? undefined
        : (size, row) => Math.sqrt(Math.max(variance(size, row), 0))),
    };
  }

  function columns(rows, callees, interval) {
    const rate = interval > 1 ? interval : 0;
    const live = amounts(rows.live, (size) => rate * size);
    return {
      live,
      growth: rows.growth
        && amounts(rows.growth, (size, row) => (size || rows.growth.objects[row]
          ? rate * (2 * live.bytes[row] - size) : 0)),
      shape: tree.fromRoot(rows, callees),
    };
  }

  /* Of each code the first one of the same function, whatever the line. */
  function wholes(words) {
    const first = new Map();
    return Uint32Array.from(words, (word, code) => {
      const key = JSON.stringify([word.function, word.module, word.reason]);
      if (!first.has(key)) first.set(key, code);
      return first.get(key);
    });
  }

  /*
   * words: function, source, module and reason of each code; rows: the amounts of each
   * stack, shape their tree; whole: see wholes.
   */
  function study(raw) {
    const { words } = raw;
    const { shape, ...rows } = columns(raw.rows, words.callees, raw.interval);
    const found = words.functions.map((name, code) => ({
      function: name,
      source: words.sources ? words.sources[code] : '',
      module: words.moduleNames[words.modules[code]],
      reason: words.reasonNames[words.reasons[code]],
    }));
    return { words: found, whole: wholes(found), rows, shape, regions: raw.regions };
  }

  return Object.freeze({ inflate, study });
})();
