'use strict';

/* Numbers for people, in the words of the other reports: 711.4 MiB ± 9.4. */
const format = (() => {
  const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const MINUS = '\u2212';

  /* The power of 1024 that a size is told in. */
  function power(bytes) {
    let value = Math.abs(bytes);
    let at = 0;
    while (value >= 1024 && at < UNITS.length - 1) {
      value /= 1024;
      at += 1;
    }
    return at;
  }

  function signed(text, value, sign) {
    if (value < 0) return MINUS + text;
    return sign ? '+' + text : text;
  }

  function size(bytes, sign = false) {
    const at = power(bytes);
    const value = Math.abs(bytes) / 1024 ** at;
    return signed(`${value.toFixed(at ? 1 : 0)} ${UNITS[at]}`, bytes, sign);
  }

  /* The bytes and one sigma of their sampling error, in the same unit. */
  function amount(bytes, error, sign = false) {
    const text = size(bytes, sign);
    if (!(error > 0)) return text;
    const value = error / 1024 ** power(bytes);
    return `${text} ± ${value.toFixed(value >= 10 ? 0 : 1)}`;
  }

  function share(part, whole) {
    return whole > 0 ? `${((100 * part) / whole).toFixed(1)} %` : '';
  }

  /* 1234567 as 1 234 567, with thin spaces that do not break. */
  function count(number) {
    return String(Math.abs(number)).replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f')
      .replace(/^/, number < 0 ? MINUS : '');
  }

  function objects(number) {
    return `${count(number)} ${Math.abs(number) === 1 ? 'object' : 'objects'}`;
  }

  function duration(seconds) {
    const whole = Math.round(seconds);
    if (whole < 60) return `${whole} s`;
    const pad = (value) => String(value).padStart(2, '0');
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
    if (whole < 172800) return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
    return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
  }

  function two(value) {
    return String(value).padStart(2, '0');
  }

  /* Seconds since the epoch on the reader's clock. */
  function clock(seconds, withDate = true) {
    const at = new Date(seconds * 1000);
    const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
    if (!withDate) return time;
    return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
  }

  function utc(seconds) {
    return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
  }

  function clip(text, most) {
    return text.length <= most ? text : text.slice(0, most - 1) + '…';
  }

  /* A Java method without its packages; other names have no part that can be spared. */
  function short(name) {
    if (!/^[\w$.<>]{1,400}$/.test(name)) return name;
    return name.split('.').slice(-2).join('.');
  }

  return Object.freeze({ size, amount, share, count, objects, duration, clock, utc, clip, short });
})();
