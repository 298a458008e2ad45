'use strict';

/* What is said in words: which process, what was found, what was left out, and from which files. */
const sections = (() => {
  const { h, name } = dom;

  function fact(label, value, ...more) {
    return value && h('div', { class: 'fact' }, h('dt', {}, label), h('dd', {}, value,
      more.filter(Boolean).map((each) => h('span', { class: 'soft' }, each))));
  }

  function header(study) {
    const { live, growth: grown, series } = study;
    const trend = series && series.lines[0];
    const span = series && series.times[series.times.length - 1] - series.times[0];
    return h('header', { class: 'head' },
      h('h1', {}, name(study.place || study.who), study.place && h('span', { class: 'soft' }, ' ', name(study.who))),
      study.scope.map((each) => h('p', { class: 'scope' }, name(each))),
      h('div', { class: 'lead' }, study.sentences.map((each) => h('p', {}, name(whole(each))))),
      h('dl', { class: 'facts' },
        fact('Live', format.size(live[0]), plusMinus(live), ` in ${format.objects(live[1])}`),
        study.isGrowth && fact('Growth', format.size(grown[0], true), plusMinus(grown)),
        study.waterfall && fact('RSS', format.size(study.waterfall.rss)),
        trend && fact('Trend of all', trend.verdict, ` ${format.size(trend.slope * 3600, true)} an hour`),
        fact('Dumps', format.count(study.dumps), span ? ` over ${format.duration(span)}` : ''),
        fact('A sample every', study.interval > 1 ? format.size(study.interval) : 'allocation')));
  }

  function plusMinus([bytes, , error]) {
    return error > 0 ? ` ${format.amount(bytes, error).split(' ').slice(-2).join(' ')}` : '';
  }

  /* A number stays on one line with its unit and its error. */
  function whole(sentence) {
    return sentence.replace(/(\d) (?=[KMGT]?i?B\b|±)|(B) (?=±)|(±) (?=\d)/g, '$1$2$3\u00a0');
  }

  function finding(each) {
    return h('li', { class: 'finding' },
      h('div', { class: 'claim' },
        h('span', { class: `badge ${each.bytes ? each.confidence : 'quiet'}` }, each.confidence),
        h('span', { class: 'kind' }, each.kind),
        each.bytes ? h('span', { class: 'number' }, format.size(each.bytes)) : null),
      h('p', {}, name(whole(each.sentence))),
      each.evidence.length > 0 && h('details', {}, h('summary', {}, 'Evidence'),
        h('ul', {}, each.evidence.map((line) => h('li', {}, name(line))))),
      each.next && dom.command(each.next));
  }

  function findings(study) {
    if (!study.findings.length) {
      return study.next ? dom.section('findings', 'What next', dom.command(study.next)) : null;
    }
    return dom.section('findings', 'Findings', h('ol', { class: 'findings' }, study.findings.map(finding)));
  }

  function rest(study) {
    const { unnamed, others, notes } = study;
    if (!unnamed.length && !others.length && !notes.length && !study.java) return null;
    return dom.section('notes', 'Notes',
      study.java && h('p', {}, name(study.java)),
      notes.length > 0 && h('ul', {}, notes.map((each) => h('li', {}, name(each)))),
      unnamed.length > 0 && [h('h3', {}, 'Why frames have no name'), tables.table({
        label: 'unnamed frames', rows: unnamed, columns: [
          { title: 'In such stacks', numeric: true, sort: (row) => row[1], show: (row) => format.size(row[1]) },
          { title: 'Reason', sort: (row) => row[0], show: (row) => name(row[0]) }] })],
      others.length > 0 && [h('h3', {}, 'Processes left out'), tables.table({
        label: 'processes left out', rows: others, columns: [
          { title: 'Live', numeric: true, sort: (row) => row.live, show: (row) => format.size(row.live) },
          { title: 'Dumps', numeric: true, sort: (row) => row.dumps, show: (row) => format.count(row.dumps) },
          { title: 'Pid', numeric: true, sort: (row) => row.pid || 0, 
            show: (row) => (row.pid === null ? '–' : row.pid) },
          { title: 'Program', sort: (row) => row.executable, show: (row) => name(row.executable || 'unknown') }] })]);
  }

  function provenance(study, report) {
    const line = (each) => h('tr', {},
      h('td', { class: 'text' }, each.what), h('td', { class: 'text' }, name(each.path, { class: 'name code' })),
      h('td', { class: 'number' }, each.bytes === null ? '' : format.count(each.bytes)),
      h('td', { class: 'number' }, each.time === null ? '' : format.utc(each.time)),
      h('td', { class: 'text code sum', title: each.sha256 }, each.sha256 || ''));
    return dom.section('provenance', 'Where this comes from',
      h('p', { class: 'about' },
        `Made by memops ${report.memops}`, report.made ? `, ${format.utc(report.made)}` : '', '.'),
      report.command && dom.command(report.command),
      h('details', { open: study.files.length <= 8 },
        h('summary', {}, `${study.files.length} files and directories, with sha256`),
        h('div', { class: 'scroll' }, h('table', { 'aria-label': 'Files read' },
          h('thead', {}, h('tr', {}, ['What', 'Path', 'Bytes', 'Written', 'sha256'].map((each, at) =>
            h('th', { scope: 'col', class: at === 2 || at === 3 ? 'number' : null }, each)))),
          h('tbody', {}, study.files.map(line))))));
  }

  return Object.freeze({ header, findings, rest, provenance });
})();
