// Senders, what they send, and what they may.
import {get, may, post} from './api.js';
import {ago, badge, bar, count, el, facts, flush, head, line, panel, percent, replace, spark, table, tile, time, when} from './dom.js';
import {eventTable} from './events.js';
import {action, field, form} from './forms.js';
import * as live from './live.js';

const SWITCHES = [['treatment', 'Treatment'], ['trusted-relay', 'Trusted relay'],
  ['smorf-block', 'SMORF block'], ['range-exclusion', 'Range exclusion']];
const TREATMENTS = ['inspect', 'pass', 'throttle', 'hold', 'refuse', 'drop'];
const TIMES = [['1h', 'one hour'], ['4h', 'four hours'], ['24h', 'a day'], ['7d', 'a week'], ['', 'for good']];
export const switchName = (name) => (SWITCHES.find(([key]) => key === name) || [name, name])[1];

export const senderLink = (address) => el('a', {href: `#/sender/${encodeURIComponent(address)}`, class: 'code'}, address);
export const caseLink = (reference) => reference && el('a', {href: `#/case/${reference}`, class: 'code'}, reference);
// A prefix of one address is a sender; of more, only a range.
const prefixText = (prefix) => prefix.includes('/') ? el('span', {class: 'code'}, prefix) : senderLink(prefix);

const state = (sender) => sender.in_force ? badge(sender.in_force.treatment) : badge('free', 'good');
const share = (counts) => el('span', {class: 'share'}, bar(counts.refused_spam, counts.messages), percent(counts.refused_spam, counts.messages));

// How many messages a second the data planes see, from their counters.
function watchRate(told) {
  let before = null;
  const rates = [];
  return live.on('status', (status) => {
    const now = {at: performance.now(), sum: 0};
    for (const gate of status.data_planes)
      for (const [name, value] of Object.entries(gate.counters || {}))
        if (name.startsWith('messages_')) now.sum += value;
    if (before && now.sum >= before.sum && now.at > before.at)
      rates.push((now.sum - before.sum) / ((now.at - before.at) / 1000));
    before = now;
    if (rates.length > 40) rates.shift();
    told(rates, status);
  });
}

export async function senders(page) {
  const body = el('div');
  const tiles = el('dl', {class: 'tiles'});
  const order = {order: 'spam', since: 86400, within: ''};
  let next = null;
  let rows = [];
  const rates = {values: [], gates: null};

  function drawTiles() {
    const sum = (name) => rows.reduce((n, row) => n + row.counts[name], 0);
    const messages = sum('messages'), spam = sum('refused_spam');
    const attached = rates.gates ? rates.gates.filter((g) => g.attached).length : null;
    const rate = rates.values.length ? rates.values.at(-1).toFixed(1) : '–';
    replace(tiles,
      tile('Right now', rate, 'messages a second', line(rates.values)),
      tile('Messages', count(messages), 'of those below'),
      tile('Spam refused', count(spam), percent(spam, messages)),
      tile('Restricted', count(rows.filter((row) => row.in_force).length), 'senders'),
      tile('Data planes', attached === null ? '–' : `${attached}`, rates.gates ? `of ${rates.gates.length} attached` : ''));
  }
  async function load(more) {
    const answer = await get('/senders', {order: order.order, within: order.within, hours: 'true', limit: 50,
      since: Math.floor(Date.now() / 1000) - order.since, offset: more ? next : 0});
    rows = more ? rows.concat(answer.senders) : answer.senders;
    next = answer.next;
    replace(body, table('Who sent through the gates', [
      {label: 'Sender', lead: true, cell: (s) => senderLink(s.address)},
      {label: 'Customer', cell: (s) => s.customer || el('span', {class: 'muted'}, 'nobody’s')},
      {label: 'Last 24 hours', cell: (s) => spark(s.hours)},
      {label: 'Messages', number: true, cell: (s) => count(s.counts.messages)},
      {label: 'Spam', number: true, cell: (s) => share(s.counts)},
      {label: 'Deferred', number: true, cell: (s) => count(s.counts.deferred)},
      {label: 'Failed logins', number: true, cell: (s) => count(s.counts.failed_logins)},
      {label: 'May now', cell: state},
      {label: 'Case', cell: (s) => caseLink(s.open_case)},
    ], rows, 'Nobody has sent anything in this time.'),
    next !== null && el('div', {class: 'more'}, action('Show more', () => load(true))));
    drawTiles();
  }
  const filters = form({layout: 'inline', button: 'Show', act: (values) => {
    Object.assign(order, values, {since: Number(values.since)});
    return load();
  }},
  field('since', 'Since', {kind: 'select', value: '86400', options: [['3600', 'an hour'], ['86400', 'a day'], ['604800', 'a week']]}),
  field('order', 'Order', {kind: 'select', value: 'spam', options: [['spam', 'most spam'], ['messages', 'most messages'], ['address', 'address']]}),
  field('within', 'Within', {placeholder: '192.0.2.0/24'}));
  await load();
  replace(page, head('Senders', 'Mail servers behind the gates: what they send, and what they may.'),
    tiles, panel('', filters), flush('', body, el('div', {class: 'more key'}, el('span', {}, 'mail'), el('span', {class: 'spam'}, 'spam refused'))));

  let due = null;
  const leaves = [
    watchRate((values, status) => {
      rates.values = values;
      rates.gates = status.data_planes;
      drawTiles();
    }),
    // Not while somebody moves through the table: it would be taken from under the keyboard.
    live.on('events', () => {
      if (due === null && rows.length <= 50) due = setTimeout(() => {
        due = null;
        if (!body.contains(document.activeElement)) load().catch(() => {});
      }, 3000);
    }),
  ];
  return () => { clearTimeout(due); leaves.forEach((f) => f()); };
}

function chain(explained) {
  if (!explained.chain.length && !explained.parts.length)
    return el('p', {class: 'muted'}, `No verdict covers it: it gets the default, ${explained.default}.`);
  return el('ol', {class: 'plain chain'}, explained.chain.concat(explained.parts).map((v) => el('li', {},
    el('div', {}, badge(v.treatment), ' ', el('strong', {}, switchName(v.switch)), ' on ', el('span', {class: 'code'}, v.prefix),
      v.part && [', ', el('span', {class: 'code'}, v.part)],
      explained.held_by && v.prefix === explained.held_by.prefix && v.switch === explained.held_by.switch && v.part === explained.held_by.part && ' · this one counts'),
    el('div', {class: 'small muted'}, v.reason, ' — ', v.author, ', ', ago(v.set), v.expires && `, until ${when(v.expires)}`))));
}

export const verdictForm = (prefix, done) => form({button: 'Set verdict', done, act: async (v) => {
  const answer = await post('/verdicts', {prefix: v.prefix || prefix, switch: v.switch, treatment: v.treatment, reason: v.reason,
    for: v.for || undefined, part: v.part || undefined,
    messages_per_minute: v.treatment === 'throttle' ? Number(v.rate || 10) : undefined});
  return `${answer.verdict.prefix}: ${switchName(answer.verdict.switch)} ${answer.verdict.treatment}, in force on ${answer.in_force} of ${answer.attached} data planes`;
}},
prefix ? null : field('prefix', 'Address or range', {required: true, placeholder: '192.0.2.0/24'}),
field('switch', 'Switch', {kind: 'select', options: SWITCHES, value: 'smorf-block'}),
field('treatment', 'Treatment', {kind: 'select', options: TREATMENTS, value: 'hold'}),
field('rate', 'Messages a minute', {kind: 'number', hint: 'For throttle only.'}),
field('part', 'Part of its mail', {placeholder: 'user:bob', hint: 'Of a SMORF block: user:NAME or from:ADDRESS. Empty: all of it.'}),
field('for', 'For', {kind: 'select', options: TIMES, value: '4h'}),
field('reason', 'Reason', {required: true, hint: 'Everyone who meets this later reads it.'}));

export const clearButton = (v, done) => {
  const label = `Clear ${switchName(v.switch)} on ${v.prefix}`;
  return el('details', {}, el('summary', {'aria-label': label}, 'Clear'), form({button: 'Clear verdict', danger: true, done, act: async ({reason}) => {
    await post('/verdicts/clear', {prefix: v.prefix, switch: v.switch, part: v.part || undefined, reason});
    return `${switchName(v.switch)} on ${v.prefix} is cleared`;
  }}, field('reason', 'Reason', {required: true})));
};

export async function sender(page, address, again) {
  const path = `/senders/${encodeURIComponent(address)}`;
  const since = Math.floor(Date.now() / 1000) - 7 * 86400;
  const [about, explained, events] = await Promise.all([get(path, {since}), get(`${path}/explain`), get('/events', {client: address, limit: 50})]);
  const hours = about.hours.map((h) => ({hour_unix_s: Date.parse(h.hour) / 1000, messages: h.counts.messages, refused_spam: h.counts.refused_spam}));
  const c = about.counts;
  const own = explained.chain.concat(explained.parts);
  replace(page,
    head(address, about.customer ? `Customer: ${about.customer}` : 'The address of no customer.', badge(explained.treatment),
      about.open_case && el('span', {}, 'case ', caseLink(about.open_case))),
    el('dl', {class: 'tiles'}, tile('Messages', count(c.messages), 'this week'), tile('Spam refused', count(c.refused_spam), percent(c.refused_spam, c.messages)),
      tile('Deferred', count(c.deferred)), tile('Recipients rejected', count(c.rejected), `of ${count(c.recipients + c.rejected)}`), tile('Failed logins', count(c.failed_logins))),
    el('div', {class: 'columns'},
      el('div', {},
        panel('The last two days', spark(hours, {width: 720, height: 90, span: 48}),
          el('div', {class: 'key'}, el('span', {}, 'mail'), el('span', {class: 'spam'}, 'spam refused'))),
        flush('Messages', eventTable('The newest events', events.events, 'Nothing has been seen of it.'))),
      el('div', {},
        panel('What it may, and why', chain(explained)),
        may('technician') && own.length > 0 && panel('Take back', el('ul', {class: 'plain chain'}, own.map((v) =>
          el('li', {}, `${switchName(v.switch)} on ${v.prefix}${v.part ? `, ${v.part}` : ''}`, clearButton(v, again))))),
        may('technician') && panel('Change it', verdictForm(address, again)),
        panel('Cases', about.cases.length ? el('ul', {class: 'plain chain'}, about.cases.map((k) =>
          el('li', {}, caseLink(k.case), ' ', badge(k.state), el('div', {class: 'small muted'}, k.cause, ', ', ago(k.changed)))))
          : el('p', {class: 'muted'}, 'There was never one.')))));
  page.querySelector('.spark').setAttribute('preserveAspectRatio', 'none');
  page.querySelector('.panel .spark').setAttribute('width', '100%');
}

export async function verdicts(page, _, again) {
  const body = el('div');
  let rows = [], next = null, within = '';
  async function load(more) {
    const answer = await get('/verdicts', {within, limit: 100, after: more ? next : undefined});
    rows = more ? rows.concat(answer.verdicts) : answer.verdicts;
    next = answer.next;
    replace(body, table(`In force, version ${answer.version}`, [
      {label: 'Prefix', lead: true, cell: (v) => prefixText(v.prefix)},
      {label: 'Switch', cell: (v) => [el('span', {class: 'nowrap'}, switchName(v.switch)), v.part && el('div', {class: 'small code'}, v.part)]},
      {label: 'Treatment', cell: (v) => [badge(v.treatment), v.messages_per_minute && ` ${v.messages_per_minute}/min`]},
      {label: 'Reason', wide: true, cell: (v) => [v.reason, el('div', {class: 'small muted'}, v.author, ', ', time(v.set),
        v.expires ? `, until ${when(v.expires)}` : ', for good', v.case && [', case ', caseLink(v.case)])]},
      {label: 'Change', wide: true, cell: (v) => may('technician') && clearButton(v, again)},
    ], rows, 'No verdict is in force: everybody gets the default.'),
    next && el('div', {class: 'more'}, action('Show more', () => load(true))));
  }
  await load();
  replace(page, head('Verdicts', 'What each sender may do. The strictest of the switches counts, each by its most specific prefix.'),
    el('div', {class: 'columns'}, el('div', {}, panel('', form({layout: 'inline', button: 'Show', act: (v) => { within = v.within; return load(); }},
      field('within', 'Within', {placeholder: '192.0.2.0/24'}))), flush('', body)),
    may('technician') ? panel('Set a verdict', verdictForm('', again)) : el('div')));
}
