'use strict';

/* Looking for functions by a regular expression, and how much of the whole they are. */
const search = (() => {
  /* A test of texts; what is no regular expression is looked for as it stands. */
  function matcher(query) {
    if (!query) return { test: null, literal: false };
    try {
      const pattern = new RegExp(query, 'iu');
      return { test: (text) => pattern.test(text), literal: false };
    } catch {
      const wanted = query.toLowerCase();
      return { test: (text) => text.toLowerCase().includes(wanted), literal: true };
    }
  }

  /* Which words match, by code. */
  function words(all, test) {
    return Uint8Array.from(all, (each) => (test(each.function) || test(each.module) || test(each.source) ? 1 : 0));
  }

  /* What the matches add up to below the node focus, and how many have a width; one inside another
   * adds nothing. */
  function matched(grown, matches, focus) {
    const inside = new Uint8Array(grown.count); // 1: below focus, 2: and below a match
    let size = 0;
    let count = 0;
    inside[focus] = 1;
    for (let node = focus; node < grown.count; node += 1) {
      const above = node === focus ? 1 : inside[grown.parent[node]];
      if (!above) continue;
      inside[node] = above;
      if (grown.code[node] >= 0 && matches[grown.code[node]]) {
        count += grown.size[node] > 0;
        if (above === 1) size += grown.size[node];
        inside[node] = 2;
      }
    }
    return { size, count };
  }

  return Object.freeze({ matcher, words, matched });
})();
