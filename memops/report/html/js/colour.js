'use strict';

/* The colours of boxes: of growth its sign and strength, else the library. Ink reads on each of them. */
const colour = (() => {
  const LIGHT = {
    ink: [29, 33, 41], plain: [238, 236, 232], grew: [238, 118, 100], shrank: [112, 164, 226],
    unnamed: [221, 221, 219], saturation: 48, lightness: 82,
  };
  const DARK = {
    ink: [240, 242, 245], plain: [47, 53, 63], grew: [176, 58, 46], shrank: [42, 98, 168],
    unnamed: [68, 73, 82], saturation: 30, lightness: 30,
  };
  /* Hues far enough apart to be told from each other; red and blue are left to growth. */
  const HUES = [28, 44, 62, 96, 140, 168, 190, 264, 284, 306, 326, 12];

  function theme(dark) {
    return dark ? DARK : LIGHT;
  }

  function css(rgb) {
    return `rgb(${rgb.map(Math.round).join(' ')})`;
  }

  /* part: -1 (all of it shrank) to 1 (all of it grew) of what changed. */
  function growth(part, dark) {
    const { plain, grew, shrank } = theme(dark);
    const strength = Math.sqrt(Math.min(Math.abs(part), 1));
    const full = part >= 0 ? grew : shrank;
    return css(plain.map((from, at) => from + (full[at] - from) * strength));
  }

  function hash(text) {
    let value = 2166136261; // FNV-1a
    for (let at = 0; at < text.length; at += 1) {
      value = Math.imul(value ^ text.charCodeAt(at), 16777619);
    }
    return value >>> 0;
  }

  function ofLibrary(module, dark) {
    const { saturation, lightness } = theme(dark);
    const mixed = hash(module);
    const hue = HUES[mixed % HUES.length];
    return `hsl(${hue} ${saturation}% ${lightness + ((mixed >>> 8) % 3) * 2}%)`;
  }

  const unnamed = (dark) => css(theme(dark).unnamed);
  const plain = (dark) => css(theme(dark).plain);
  const ink = (dark) => css(theme(dark).ink);

  return Object.freeze({ growth, ofLibrary, unnamed, plain, ink, HUES });
})();
