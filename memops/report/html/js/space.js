'use strict';

/* Where the memory is: the shares of the RSS, and the address space as a map. */
const space = (() => {
  const { h, svg, name } = dom;
  const MOST = 2000; // rectangles
  const HEIGHT = 340;
  const LETTER = 7.2; // pixels, about
  const COLOURS = 12; // of areas, in the style sheet

  function waterfall(study) {
    const found = study.waterfall;
    if (!found) return null;
    let end = 0;
    const lines = found.shares.map(([label, bytes, source]) => {
      const from = end;
      end += bytes;
      const percent = (value) => `${found.rss > 0 ? (100 * value) / found.rss : 0}%`;
      return h('tr', {},
        h('th', { scope: 'row', class: 'text' }, name(label)),
        h('td', { class: 'track' }, h('i', { style: {
          marginLeft: percent(Math.min(from, end)), width: percent(Math.abs(bytes)) } })),
        h('td', { class: 'number' }, format.size(bytes)),
        h('td', { class: 'number soft' }, format.share(bytes, found.rss)),
        h('td', { class: 'text soft' }, source));
    });
    const element = dom.section('rss', 'Resident memory',
      h('p', { class: 'about' }, `What the ${format.size(found.rss)} of RSS are made of, to the byte.`),
      h('div', { class: 'scroll' }, h('table', { class: 'waterfall', 'aria-label': 'Shares of the RSS' },
        h('thead', {}, h('tr', {}, ['Share', '', 'Bytes', '', 'Told by'].map((each, at) =>
          h('th', { scope: 'col', class: at === 2 ? 'number' : null }, each)))),
        h('tbody', {}, lines),
        h('tfoot', {}, h('tr', {}, h('th', { scope: 'row' }, 'RSS'), h('td'),
          h('td', { class: 'number' }, format.size(found.rss)), h('td'), h('td'))))));
    return { element, update() {} };
  }

  /* Regions by kind, the largest kind and region first, by size or RSS. */
  function grouped(regions, weight) {
    const kinds = new Map();
    for (const region of regions) {
      const kind = kinds.get(region.kind) || { kind: region.kind, regions: [], size: 0, rss: 0, known: false };
      kind.regions.push(region);
      kind.size += region.size;
      kind.rss += region.rss || 0;
      kind.known = kind.known || region.rss !== null;
      kinds.set(region.kind, kind);
    }
    const found = [...kinds.values()].sort((one, other) =>
      other[weight] - one[weight] || (one.kind < other.kind ? -1 : 1));
    found.forEach((kind) => kind.regions.sort((one, other) => (other[weight] || 0) - (one[weight] || 0)));
    return found;
  }

  /* The areas of the kinds, and in each those of its regions, below its name where there is room. */
  function areas(kinds, weight, width) {
    const whole = { x: 0, y: 0, width, height: HEIGHT };
    const placed = treemap.squarify(kinds.map((kind) => kind[weight]), whole);
    return kinds.map((kind, at) => {
      const area = placed[at];
      const named = area.height > 60 && area.width > 20 + kind.kind.length * LETTER;
      const top = named ? 24 : 1;
      const inside = { x: area.x + 1, y: area.y + top,
        width: Math.max(area.width - 2, 0), height: Math.max(area.height - top - 1, 0) };
      const boxes = treemap.squarify(kind.regions.map((region) => region[weight] || 0), inside)
        .map((box, each) => ({ ...box, region: kind.regions[each] }))
        .filter((box) => box.width >= 1 && box.height >= 1);
      return { kind: kind.kind, area, named, boxes: boxes.slice(0, MOST) };
    });
  }

  /* The last part of a region's label, where its box has room for it. */
  function caption({ x, y, width, height, region }) {
    const label = region.label.slice(-200).split('/').pop();
    return label && height > 22 && width > 14 + label.length * LETTER
      ? svg('text', { x: x + 6, y: y + 16, class: 'minor' }, label) : null;
  }

  function tell(event, region) {
    dom.showTip(event.clientX, event.clientY, h('strong', {}, region.kind),
      region.label && h('div', {}, format.clip(region.label, 300)),
      h('div', {}, region.rss === null ? '' : `${format.size(region.rss)} in memory`,
        h('span', { class: 'soft' }, `${region.rss === null ? '' : ' of '}${format.size(region.size)} mapped`)),
      h('div', { class: 'soft code' }, `${region.start} +0x${region.size.toString(16)}`));
  }

  function map(study) {
    const { regions } = study.bulk;
    if (!regions.length) return null;
    const resident = regions.some((region) => region.rss);
    let weight = resident ? 'rss' : 'size';
    const order = grouped(regions, weight).map((kind) => kind.kind); // colours stay when the weight changes
    const picture = svg('svg', { class: 'map', height: HEIGHT, role: 'img',
      'aria-label': 'The address space, each region as large as its memory; the table below has the same by kind.' });
    const key = h('tbody');
    const area = (kind) => `area-${order.indexOf(kind) % COLOURS}`;
    const choice = resident && dom.choice('What gives the size of a region',
      [['rss', 'RSS', 'Bytes in memory'], ['size', 'Size', 'Addresses mapped']], weight,
      (next) => { weight = next; update(); });

    function update() {
      const width = picture.clientWidth;
      const kinds = grouped(regions, weight);
      if (width) {
        picture.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
        picture.replaceChildren(...areas(kinds, weight, width).flatMap(group));
      }
      key.replaceChildren(...kinds.map(row));
    }

    function group({ kind, area: whole, named, boxes }) {
      return [
        named && svg('text', { x: whole.x + 6, y: whole.y + 17 }, kind),
        ...boxes.map((box) => svg('rect', { x: box.x, y: box.y,
          width: Math.max(box.width - 1, 0.5), height: Math.max(box.height - 1, 0.5), class: area(kind),
          onmousemove: (event) => tell(event, box.region), onmouseleave: dom.hideTip })),
        ...boxes.map(caption),
      ].filter(Boolean);
    }

    function row(kind) {
      return h('tr', {}, h('td', { class: 'kind' }, h('i', { class: `swatch ${area(kind.kind)}` }), name(kind.kind)),
        h('td', { class: 'number' }, format.count(kind.regions.length)),
        h('td', { class: 'number' }, kind.known ? format.size(kind.rss) : '–'),
        h('td', { class: 'number' }, format.size(kind.size)),
        h('td', { class: 'text soft' }, name(format.clip(kind.regions.slice(0, 3).map((each) => each.label)
          .filter((label, at, all) => label && all.indexOf(label) === at).join(', '), 110))));
    }

    new ResizeObserver(update).observe(picture);
    const element = dom.section('map', 'Address space',
      h('p', { class: 'about' }, 'Each region of memory, grouped by what it is.'),
      choice && h('div', { class: 'bar' }, choice.element), picture,
      h('div', { class: 'scroll' }, h('table', { 'aria-label': 'Regions by kind' }, h('thead', {}, h('tr', {},
        h('th', { scope: 'col' }, 'Kind'), ...['Regions', 'RSS', 'Size'].map((each) =>
          h('th', { scope: 'col', class: 'number' }, each)), h('th', { scope: 'col' }, 'The largest'))), key)));
    return { element, update };
  }

  return Object.freeze({ waterfall, map, grouped });
})();
