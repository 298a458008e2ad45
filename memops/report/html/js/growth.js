'use strict';

/* Live bytes over time: lines by uPlot, with the band in which the truth is with 95 %, and trends. */
const growth = (() => {
  const { h, name } = dom;
  const SIGMAS = 1.96;
  const FIRST = 4; // lines shown at the start
  const HOUR = 3600;

  /* The values of a line at each time: itself, its band, its trend. */
  function columns(line, times, interval) {
    const rate = interval > 1 ? interval : 0;
    const off = line.sizes.map((size) => SIGMAS * Math.sqrt(rate * Math.max(size, 0)));
    return [
      line.sizes,
      line.sizes.map((size, at) => size + off[at]),
      line.sizes.map((size, at) => Math.max(size - off[at], 0)),
      times.map((time) => line.level + line.slope * (time - times[0])),
    ];
  }

  function rate(line, per) {
    const [slope, low, high] = [line.slope, line.low, line.high].map((each) => each * per);
    return `${format.size(slope, true)} (${format.size(low)} … ${format.size(high)})`;
  }

  function verdict(line) {
    return line.more ? `${line.verdict} (${line.more} more dumps)` : line.verdict;
  }

  function create(study, theme) {
    const { series } = study;
    if (!series) return null;
    const { times } = series;
    const lines = series.lines.map((line, at) => ({ ...line, at, shown: at < FIRST }));
    const span = times[times.length - 1] - times[0];
    const [per, unit] = span >= HOUR / 12 ? [HOUR, 'an hour'] : [60, 'a minute'];
    const box = h('div', { class: 'chart', tabindex: 0, role: 'group', 'aria-label':
      'Live bytes over time. Left and right arrows move from dump to dump.' });
    const said = h('p', { class: 'said', 'aria-live': 'polite' });
    const cells = lines.map(() => h('td', { class: 'number' }));
    const head = h('th', { scope: 'col', class: 'number' });
    const stroke = (line) => theme.colour(`--line-${line.at % 8}`);
    let plot = null;
    let at = times.length - 1;

    function options(width) {
      const axis = { stroke: () => theme.colour('--soft'), font: '12px system-ui, sans-serif',
        grid: { stroke: () => theme.colour('--rule'), width: 1 }, ticks: { show: false } };
      return {
        width, height: Math.round(Math.min(380, Math.max(240, width * 0.3))),
        legend: { show: false }, padding: [10, 36, 0, 0],
        cursor: { drag: { x: false, y: false }, y: false, points: { size: 7 }, move: snap },
        scales: { y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.05 : 1] } },
        axes: [
          { ...axis, values: (_, ticks) => ticks.map((tick) => moment(tick)), space: 90,
            grid: { show: false } },
          { ...axis, size: 84, values: (_, ticks) => ticks.map((tick) => format.size(tick)),
            incrs: Array.from({ length: 44 }, (_, power) => 2 ** power) },
        ],
        series: [{}, ...lines.flatMap(drawn)],
        bands: lines.map((line) => ({ series: [4 * line.at + 2, 4 * line.at + 3],
          fill: () => theme.faint(stroke(line)) })),
        hooks: { setCursor: [(each) => each.cursor.idx !== null && tell(each.cursor.idx)] },
      };
    }

    /* The cursor stands at a dump, never between two. */
    function snap(each, left, top) {
      return [left < 0 ? left : each.valToPos(times[each.posToIdx(left)], 'x'), top];
    }

    /* The clock; with the day where the dumps are of more than one. */
    function moment(time) {
      const text = format.clock(time);
      return span > 20 * HOUR ? text.slice(5, 16) : text.slice(11, span < 600 ? 19 : 16);
    }

    function drawn(line) {
      const own = { show: line.shown, points: { show: false } };
      return [
        { ...own, stroke: () => stroke(line), width: 2, points: { show: times.length < 60, size: 5 } },
        { ...own, stroke: 'transparent', width: 0 },
        { ...own, stroke: 'transparent', width: 0 },
        { ...own, stroke: () => stroke(line), width: 1, dash: [5, 5] },
      ];
    }

    /* Each line has four series: itself, the band's ends, its trend. */
    function toggle(line, shown) {
      line.shown = shown;
      for (let each = 1; each <= 4; each += 1) {
        plot.setSeries(4 * line.at + each, { show: shown });
      }
    }

    function tell(index) {
      at = index;
      head.textContent = `at ${moment(times[at])}`;
      lines.forEach((line, each) => { cells[each].textContent = error(line); });
    }

    function error(line) {
      const sampled = series.interval > 1 ? series.interval : 0;
      return format.amount(line.sizes[at], SIGMAS * Math.sqrt(sampled * Math.max(line.sizes[at], 0)));
    }

    box.addEventListener('keydown', (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by || !plot) return;
      event.preventDefault();
      const next = Math.min(Math.max(at + by, 0), times.length - 1);
      plot.setCursor({ left: plot.valToPos(times[next], 'x'), top: 10 });
      tell(next);
      said.textContent = `${format.clock(times[at])}: `
        + lines.filter((line) => line.shown).map((line) => `${line.label} ${error(line)}`).join('; ');
    });

    function legend() {
      return h('table', { class: 'legend', 'aria-label': 'Lines of the chart' },
        h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Stack'), head,
          h('th', { scope: 'col', class: 'number' }, `Grows ${unit}, 95 %`), h('th', { scope: 'col' }, 'Verdict'))),
        h('tbody', {}, lines.map((line, each) => h('tr', {},
          h('td', { class: 'text' }, h('label', {},
            h('input', { type: 'checkbox', checked: line.shown,
              onchange: (event) => toggle(line, event.target.checked) }),
            h('i', { class: `swatch line-${each % 8}` }), name(format.clip(line.label, 160), { title: line.label }))),
          cells[each], h('td', { class: 'number' }, rate(line, per)),
          h('td', {}, verdict(line))))));
    }

    function update() {
      if (plot) plot.redraw(false, true);
    }

    const data = [times, ...lines.flatMap((line) => columns(line, times, series.interval))];
    new ResizeObserver(() => {
      const width = Math.floor(box.clientWidth);
      if (!width) return;
      if (plot) plot.setSize({ width, height: options(width).height });
      else plot = new uPlot(options(width), data, box);
    }).observe(box);
    tell(at);
    const element = dom.section('growth', 'Growth over time',
      h('p', { class: 'about' }, 
        `${format.count(series.dumps)} dumps over ${format.duration(span)}, by the files’ times. `
        + (series.dumps > times.length ? 'Neighbours are averaged. ' : '')
        + 'The band is where the truth lies with 95 %; the dashed line is the trend.'),
      box, said, h('div', { class: 'scroll' }, legend()));
    return { element, update };
  }

  return Object.freeze({ create, columns });
})();
