'use strict';

/* Elements, made from text alone: nothing that a host said is ever read as markup. */
const dom = (() => {
  const SVG = 'http://www.w3.org/2000/svg';

  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name === 'style') Object.assign(element.style, value);
      else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value === true ? '' : String(value));
    }
    for (const child of children.flat(Infinity)) {
      if (child !== null && child !== undefined && child !== false) {
        element.append(child instanceof Node ? child : String(child));
      }
    }
    return element;
  }

  const h = (tag, attributes, ...children) =>
    fill(document.createElement(tag), attributes, children);

  const svg = (tag, attributes, ...children) =>
    fill(document.createElementNS(SVG, tag), attributes, children);

  /* A name from a host, apart from the text around it, whatever way it is written. */
  const name = (text, attributes) => h('bdi', { class: 'name', ...attributes }, text);

  function section(id, title, ...children) {
    return h('section', { id, 'aria-labelledby': `${id}-title` },
      h('h2', { id: `${id}-title` }, title), ...children);
  }

  /* Choices of which one is on: [[value, label, key], ...]. */
  function choice(label, options, current, choose) {
    const buttons = options.map(([value, text, hint]) => h('button', {
      type: 'button', title: hint, 'aria-pressed': String(value === current),
      onclick: () => { set(value); choose(value); },
    }, text));
    function set(value) {
      buttons.forEach((button, at) =>
        button.setAttribute('aria-pressed', String(options[at][0] === value)));
    }
    return { element: h('div', { class: 'choice', role: 'group', 'aria-label': label }, buttons), set };
  }

  async function copy(text, button) {
    const was = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch { // a browser that lets no page from a file at its clipboard
      const area = h('textarea', { class: 'unseen' }, text);
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
    }
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = was; }, 1500);
  }

  /* A command to type, with a button that copies it. */
  function command(text) {
    const button = h('button', { type: 'button', class: 'copy', onclick: () => copy(text, button) },
      'Copy');
    return h('div', { class: 'command' }, h('code', {}, text), button);
  }

  /* The box that follows the pointer. */
  const tip = h('div', { class: 'tip', hidden: true, 'aria-hidden': 'true' });

  function showTip(x, y, ...content) {
    tip.replaceChildren(...content.filter(Boolean));
    tip.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = tip;
    const right = x + 16 + width > innerWidth - 8;
    const below = y + 18 + height <= innerHeight - 8;
    tip.style.left = `${Math.max(8, right ? Math.min(x - 12, innerWidth - 8) - width : x + 16)}px`;
    tip.style.top = `${Math.max(8, below ? y + 18 : y - 12 - height)}px`;
  }

  function hideTip() {
    tip.hidden = true;
  }

  return Object.freeze({ h, svg, name, section, choice, command, tip, showTip, hideTip });
})();
