// Elements from texts. Nothing here, or anywhere in the console, turns a text into markup: what
// comes from mail is put into text nodes.

const SVG = 'http://www.w3.org/2000/svg';

function fill(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

// el('p', {class: 'muted', onclick: f}, 'text', otherElement)
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key === 'value') node.value = value;
    else node.setAttribute(key, value === true ? '' : value);
  }
  return fill(node, children);
}

function svg(name, attributes, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return fill(node, children);
}

export function replace(node, ...children) {
  node.replaceChildren();
  return fill(node, children);
}

export const count = (n) => Number(n).toLocaleString('en');
export const percent = (part, whole) => whole ? `${Math.round(100 * part / whole)} %` : '–';

const clock = new Intl.DateTimeFormat('en-GB', {dateStyle: 'medium', timeStyle: 'short'});
export const when = (text) => text ? clock.format(new Date(text)) : 'never';

export function ago(text) {
  if (!text) return 'never';
  const s = Math.max(0, (Date.now() - new Date(text)) / 1000);
  if (s < 60) return 'just now';
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86400)} d ago`;
}
export const time = (text) => el('time', {datetime: text || '', title: when(text)}, ago(text));

// Colour is never alone: the word says the same.
const TONES = {
  pass: 'good', inspect: 'good', throttle: 'warn', hold: 'warn', refuse: 'bad', drop: 'bad',
  open: 'bad', restoring: 'warn', probation: 'warn', closed: 'good', attached: 'good', away: 'bad',
  done: 'good', 'not yet': 'warn', forwarded: 'good', revoked: 'bad', expired: 'bad', good: 'good',
};
export const badge = (word, tone) => el('span', {class: `badge ${tone || TONES[word] ||
  (/^refused/.test(word) ? 'bad' : /^(deferred|held|throttled)/.test(word) ? 'warn' : '')}`}, word);

// A panel with a table. Columns: {label, cell(row), number, lead, wide}.
export function table(caption, columns, rows, none) {
  if (!rows.length) return el('div', {class: 'empty'}, el('p', {}, none));
  return el('table', {},
    el('caption', {}, caption),
    el('thead', {}, el('tr', {}, columns.map((c) =>
      el('th', {scope: 'col', class: c.number ? 'number' : null}, c.label)))),
    el('tbody', {}, rows.map((row) => el('tr', {}, columns.map((c) => el('td', {
      'data-label': c.label,
      class: [c.number && 'number', c.lead && 'lead', c.wide && 'wide'].filter(Boolean).join(' ') || null,
    }, c.cell(row)))))));
}

export const panel = (title, ...children) =>
  el('section', {class: 'panel'}, title && el('h2', {}, title), children);
export const flush = (title, ...children) =>
  el('section', {class: 'panel flush'}, title && el('h2', {}, title), children);
export const facts = (pairs) => el('dl', {class: 'facts'}, pairs.filter(Boolean).map(([name, value]) =>
  [el('dt', {}, name), el('dd', {}, value)]));
export const tile = (name, value, unit, picture) =>
  el('div', {class: 'tile'}, el('dt', {}, name), el('dd', {}, value, unit && el('small', {}, ` ${unit}`), picture));
export const head = (title, text, ...beside) => el('div', {class: 'head'},
  el('div', {class: 'title'}, el('h1', {}, title), beside), text && el('p', {class: 'muted'}, text));
// Somebody reads on in it or fills it in: it is not to be made anew under his hands.
export const inUse = (node) => node.contains(document.activeElement) || node.querySelector('details[open]') !== null ||
  [...node.querySelectorAll('input, textarea')].some((f) => f.value !== f.defaultValue || f.checked !== f.defaultChecked);
export const notice = (tone, ...children) => el('div', {class: `notice ${tone}`}, children);

// Hours as columns, spam in its own colour on top. `hours`: [{hour_unix_s, messages, refused_spam}].
export function spark(hours, {width = 120, height = 26, span = 24} = {}) {
  const last = Math.floor(Date.now() / 3600000) * 3600;
  const by = new Map(hours.map((h) => [h.hour_unix_s, h]));
  const slots = Array.from({length: span}, (_, i) => by.get(last - (span - 1 - i) * 3600));
  const most = Math.max(1, ...slots.map((h) => h ? h.messages : 0));
  const step = width / span;
  const total = slots.reduce((n, h) => n + (h ? h.messages : 0), 0);
  const spam = slots.reduce((n, h) => n + (h ? h.refused_spam : 0), 0);
  return svg('svg', {class: 'spark', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img',
    'aria-label': `${total} messages in ${span} hours, ${spam} of them spam`},
  slots.flatMap((h, i) => {
    const x = i * step, w = Math.max(step - 1, 1);
    if (!h || !h.messages) return [svg('rect', {class: 'none', x, y: height - 1, width: w, height: 1})];
    const full = Math.max(2, (height - 1) * h.messages / most);
    const red = full * h.refused_spam / h.messages;
    return [svg('rect', {class: 'mail', x, y: height - full + red, width: w, height: full - red}),
      svg('rect', {class: 'spam', x, y: height - full, width: w, height: red})];
  }));
}

export function line(values, {width = 150, height = 28} = {}) {
  const most = Math.max(1, ...values);
  const step = width / Math.max(1, values.length);
  return svg('svg', {class: 'spark', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img',
    'aria-label': `the last ${values.length} seconds, at most ${most}`},
  values.map((v, i) => svg('rect', {class: v ? 'mail' : 'none', x: i * step, width: Math.max(step - 1, 1),
    y: height - Math.max(1, (height - 1) * v / most), height: Math.max(1, (height - 1) * v / most)})));
}

export function bar(part, whole, plain) {
  const width = 64;
  return svg('svg', {class: 'bar', viewBox: `0 0 ${width} 6`, width, height: 6, 'aria-hidden': 'true'},
    svg('rect', {class: 'track', width, height: 6, rx: 3}),
    svg('rect', {class: plain ? 'fill plain' : 'fill', width: whole ? width * part / whole : 0, height: 6, rx: 3}));
}

export function say(text) {
  const box = el('div', {}, text);
  document.getElementById('said').append(box);
  setTimeout(() => box.remove(), 6000);
}
