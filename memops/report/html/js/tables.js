'use strict';

/* Tables that sort by a click on a column, and show what matches a text. */
const tables = (() => {
  const { h, name } = dom;
  const FIRST = 15;
  const MORE = 100;

  /*
   * columns: { title, numeric, sort: row -> number or text, show: row -> nodes }; rows come sorted by the
   * column by. keep: from a test of texts to one of rows, for the filter; detail: row -> nodes that a
   * click unfolds.
   */
  function table({ label, columns, rows, by = 0, keep = null, detail = null }) {
    let shown = FIRST;
    let sorted = { by, down: true };
    let query = '';
    const body = h('tbody');
    const heads = columns.map((column, at) => h('th', {
      scope: 'col', class: column.numeric ? 'number' : null,
    }, h('button', { type: 'button', onclick: () => sort(at) }, column.title)));
    const more = h('button', { type: 'button', class: 'more', onclick: () => { shown += MORE; draw(); } });
    const field = keep && h('input', {
      type: 'search', placeholder: 'Filter', 'aria-label': `Filter: ${label}`, spellcheck: 'false',
      oninput: () => { query = field.value; shown = FIRST; draw(); },
    });
    const told = h('output', { class: 'result' });

    function sort(at) {
      sorted = { by: at, down: sorted.by === at ? !sorted.down : Boolean(columns[at].numeric) };
      draw();
    }

    function wanted() {
      const { test } = search.matcher(query);
      const kept = test && keep ? rows.filter(keep(test)) : rows.slice();
      const { sort: value } = columns[sorted.by];
      const sign = sorted.down ? -1 : 1;
      return kept.sort((one, other) => {
        const [a, b] = [value(one), value(other)];
        return sign * (typeof a === 'number' ? a - b : String(a).localeCompare(String(b)));
      });
    }

    function draw() {
      const kept = wanted();
      body.replaceChildren(...kept.slice(0, shown).flatMap(line));
      heads.forEach((head, at) => head.setAttribute('aria-sort',
        at === sorted.by ? (sorted.down ? 'descending' : 'ascending') : 'none'));
      const left = kept.length - shown;
      more.hidden = left <= 0;
      more.textContent = left > MORE ? `Show ${MORE} of ${format.count(left)} more` : `Show the other ${left}`;
      told.textContent = query ? `${format.count(kept.length)} of ${format.count(rows.length)}` : '';
    }

    function line(row) {
      const cells = columns.map((column) =>
        h('td', { class: column.numeric ? 'number' : 'text' }, column.show(row)));
      if (!detail) return [h('tr', {}, cells)];
      const inside = h('tr', { class: 'inside', hidden: true });
      const open = h('button', { type: 'button', class: 'unfold', 'aria-expanded': 'false',
        'aria-label': 'Show the stack' }, '▸');
      open.addEventListener('click', () => {
        const folded = !inside.hidden;
        if (!folded && !inside.firstChild) inside.append(h('td', { colspan: columns.length }, detail(row)));
        inside.hidden = folded;
        open.setAttribute('aria-expanded', String(!folded));
        open.textContent = folded ? '▸' : '▾';
      });
      cells[cells.length - 1].prepend(open);
      return [h('tr', {}, cells), inside];
    }

    draw();
    return h('div', { class: 'table' },
      field && rows.length > FIRST && h('div', { class: 'bar' }, h('span', { class: 'find' }, field), told),
      h('div', { class: 'scroll' }, h('table', { 'aria-label': label },
        h('thead', {}, h('tr', {}, heads)), body)), more);
  }

  /* The frames of a row, leaf first, as codes. */
  function codes(bulk, row) {
    const found = [];
    for (let node = bulk.shape.end[row]; node; node = bulk.shape.parent[node]) {
      found.push(bulk.shape.code[node]);
    }
    return found;
  }

  /* Whether a row has a frame that matches, of all rows in one pass over the tree. */
  function having({ shape }, matches) {
    const has = new Uint8Array(shape.count);
    for (let node = 1; node < shape.count; node += 1) {
      has[node] = has[shape.parent[node]] | matches[shape.code[node]];
    }
    return (row) => has[shape.end[row]] === 1;
  }

  /* Rows by the bytes of which, the largest first. */
  function ranked(bulk, which) {
    const { bytes } = bulk.rows[which];
    return Array.from(bytes.keys()).filter((row) => bytes[row]).sort((one, other) => bytes[other] - bytes[one]);
  }

  /* The largest stacks with their calls, leaf first, and their amounts as text. */
  function largest(study, most) {
    const which = study.bulk.rows.growth ? 'growth' : 'live';
    const amounts = study.bulk.rows[which];
    return ranked(study.bulk, which).slice(0, most).map((row) => ({
      amount: format.amount(amounts.bytes[row], amounts.error[row], which === 'growth'),
      calls: codes(study.bulk, row).map((code) => study.bulk.words[code]),
    }));
  }

  function named(call, most) {
    return name(format.clip(call.function, most), {
      title: call.reason || null, class: call.reason ? 'name unnamed' : 'name' });
  }

  /* The library of a call, and its line where that is known. */
  function origin(call) {
    return format.clip([call.module, call.source].filter(Boolean).join(' '), 120);
  }

  function place(call, most = 200) {
    return [named(call, most),
      !call.reason && h('span', { class: 'soft' }, ' ', origin(call))];
  }

  function functions(study) {
    const { words, whole, rows: all, shape } = study.bulk;
    const which = all.growth ? 'growth' : 'live';
    const total = study[which][0];
    const { flat, cumulative } =
      tree.functions(tree.weigh(shape, all[which]), all[which], whole);
    const amount = (of, code) =>
      format.amount(of.bytes[code], Math.sqrt(of.variance[code]), which === 'growth');
    const rows = Array.from(words.keys()).filter((code) => flat.bytes[code] || cumulative.bytes[code])
      .sort((one, other) => cumulative.bytes[other] - cumulative.bytes[one]);
    return table({
      label: 'functions', rows,
      keep: (test) => {
        const matches = search.words(words, test);
        return (code) => matches[code] === 1;
      },
      columns: [
        { title: which === 'growth' ? 'Grown' : 'Live', numeric: true, sort: (code) => flat.bytes[code],
          show: (code) => (flat.bytes[code] ? amount(flat, code) : '–') },
        { title: 'Share', numeric: true, sort: (code) => flat.bytes[code],
          show: (code) => (flat.bytes[code] ? format.share(flat.bytes[code], total) : '') },
        { title: 'With callees', numeric: true, sort: (code) => cumulative.bytes[code],
          show: (code) => amount(cumulative, code) },
        { title: 'Objects', numeric: true, sort: (code) => cumulative.objects[code],
          show: (code) => format.count(cumulative.objects[code]) },
        { title: 'Function', sort: (code) => words[code].function, show: (code) => place({ ...words[code], source: '' }) },
      ],
    });
  }

  function stacks(study) {
    const { words, rows: all } = study.bulk;
    const which = all.growth ? 'growth' : 'live';
    const leaf = (row) => words[codes(study.bulk, row)[0]];
    const called = (row) => codes(study.bulk, row).slice(0, 3).map((code) => words[code]);
    const amount = (which_, sign) => (row) =>
      format.amount(all[which_].bytes[row], all[which_].error[row], sign);
    return table({
      label: 'stacks', rows: ranked(study.bulk, which),
      keep: (test) => having(study.bulk, search.words(words, test)),
      detail: (row) => h('ol', { class: 'stack' }, codes(study.bulk, row).map((code) => h('li', {},
        place(words[code], 2000),
        words[code].reason && h('span', { class: 'soft' }, ` no name: ${words[code].reason}`)))),
      columns: [
        all.growth && { title: 'Grown', numeric: true, sort: (row) => all.growth.bytes[row],
          show: amount('growth', true) },
        { title: 'Live', numeric: true, sort: (row) => all.live.bytes[row], show: amount('live', false) },
        { title: 'Objects', numeric: true, sort: (row) => all[which].objects[row],
          show: (row) => format.count(all[which].objects[row]) },
        { title: 'Stack, the allocating function first', sort: (row) => leaf(row).function,
          show: (row) => h('span', { class: 'calls' }, called(row).map((call, at) =>
            [at ? h('span', { class: 'soft' }, ' ← ') : '', named(call, 90)])) },
      ].filter(Boolean),
    });
  }

  function create(study) {
    return [
      dom.section('functions', 'Functions',
        h('p', { class: 'about' }, 'What each function allocated itself, and with all that it called. '
          + '± is one sigma of the sampling error.'),
        functions(study)),
      dom.section('stacks', 'Stacks', stacks(study)),
    ];
  }

  return Object.freeze({ create, table, largest, origin });
})();
