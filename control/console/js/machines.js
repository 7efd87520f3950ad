// Data planes, signature sets, feeds, the audit and the tokens.
import {get, may, post} from './api.js';
import {ago, badge, bar, count, el, facts, flush, head, notice, panel, percent, replace, table, tile, time, when} from './dom.js';
import {field, form} from './forms.js';
import * as live from './live.js';

function gatePanel(gate, control) {
  const counters = Object.entries(gate.counters || {});
  const named = (prefix) => counters.filter(([name, value]) => name.startsWith(prefix) && value).map(([name, value]) => [name.slice(prefix.length).replaceAll('_', ' '), count(value)]);
  const workers = gate.workers || [];
  const sum = (name) => workers.reduce((n, w) => n + w[name], 0);
  const behind = control.version - gate.acknowledged_version;
  return panel('', el('div', {class: 'head'}, el('div', {class: 'title'}, el('h2', {}, gate.gate), badge(gate.attached ? 'attached' : 'away'),
    behind > 0 && badge(`${behind} versions behind`, 'warn'), gate.refused && badge('refused an update', 'bad'))),
  gate.refused && notice('bad', el('p', {}, gate.refused)),
  gate.signatures_refused && notice('bad', el('p', {}, 'Signature set refused: ', gate.signatures_refused)),
  el('div', {class: 'columns'},
    facts([['Process', `${gate.software || '?'}, since ${when(gate.started)}`], ['Heard of', `${Math.round(gate.seen_seconds_ago)} s ago`],
      ['Verdicts', `${count(gate.verdicts_held || 0)} held, version ${gate.acknowledged_version}`],
      ['Signatures', gate.signature_set ? `${gate.signature_set}, ${count(gate.signature_rules)} rules, threshold ${gate.threshold}` : 'none loaded'],
      gate.shadow_set && ['Shadow', gate.shadow_set], ['Ports', (gate.ports || []).join(', ') || '–'],
      ['Workers', `${workers.length}, ${count(sum('flows'))} flows, ${count(sum('messages_in_flight'))} messages under way`],
      ['Events', `${count(gate.events_spooled || 0)} spooled, ${count(gate.events_lost || 0)} lost`]]),
    el('div', {}, el('h3', {class: 'small muted'}, 'Messages'), facts(named('messages_')), el('h3', {class: 'small muted'}, 'Dropped frames'),
      named('drop_').length ? facts(named('drop_')) : el('p', {class: 'muted'}, 'none'))));
}

export async function gates(page) {
  const body = el('div');
  const draw = (status) => {
    const c = status.control;
    replace(body, el('dl', {class: 'tiles'}, tile('Verdicts', count(c.verdicts), `version ${count(c.version)}`), tile('Events kept', count(c.events_stored)),
      tile('Attached', `${status.data_planes.filter((g) => g.attached).length}`, `of ${status.data_planes.length}`), tile('Control', c.software, `since ${ago(c.started)}`)),
    status.data_planes.length ? status.data_planes.map((g) => gatePanel(g, c))
      : panel('', el('div', {class: 'empty'}, el('p', {}, 'No data plane has attached since the control process began.'))));
  };
  draw(await get('/status'));
  replace(page, head('Data planes', 'The processes that stand in the wire, told every second.'), body);
  return live.on('status', (status) => { if (!body.contains(document.activeElement)) draw(status); });
}

export async function signatures(page, _, again) {
  const [sets, rules] = await Promise.all([get('/signatures'), get('/signatures/rules')]);
  const name = (digest) => digest ? (sets.sets.find((s) => s.digest === digest) || {name: `${digest.slice(0, 16)}…`}).name : 'the configured one';
  const order = (text, body) => form({button: text, done: again, act: async () => {
    const answer = await post('/signatures/order', body);
    const refused = answer.gates.filter((g) => g.refused);
    return refused.length ? `${refused[0].gate} refused it: ${refused[0].refused}` : `order ${answer.order} is given`;
  }});
  replace(page, head('Signature sets', 'What messages are scanned with, and how often each rule hits.'),
    el('div', {class: 'columns'}, el('div', {},
      rules.sets.map((set) => flush(name(set.digest), table(`In the newest ${count(set.messages)} messages scanned with it`, [
        {label: 'Rule', lead: true, cell: (r) => el('span', {class: 'code'}, r.rule)},
        {label: 'Hits', number: true, cell: (r) => count(r.hits)},
        {label: 'Of messages', number: true, cell: (r) => el('span', {class: 'share'}, bar(r.hits, set.messages, true), percent(r.hits, set.messages))},
        {label: 'Refused', number: true, cell: (r) => percent(r.refused, r.hits)},
      ], set.rules.slice(0, 100), 'No rule has hit.'))),
      !rules.sets.length && panel('', el('div', {class: 'empty'}, el('p', {}, 'No message has been scanned yet.'))),
      flush('Held by control', table('Newest first', [
        {label: 'Set', lead: true, cell: (s) => s.name},
        {label: 'Digest', cell: (s) => el('span', {class: 'code'}, s.digest.slice(0, 16))},
        {label: 'Rules', number: true, cell: (s) => count(s.rules)},
        {label: 'Signed by', cell: (s) => s.signed_by || 'nobody'},
        {label: 'Loaded', cell: (s) => [s.author, ', ', time(s.stored)]},
        {label: 'Order', cell: (s) => may('admin') && el('div', {class: 'buttons'}, order('Load', {action: 'load', sha256: s.sha256}), order('Shadow', {action: 'shadow', sha256: s.sha256}))},
      ], sets.sets, 'None: postern signatures load gives one.'))),
    el('div', {}, panel('Who scans with what', sets.assignments.length ? facts(sets.assignments.map((a) => [a.gate || 'All others', `${name(a.set)}${a.shadow ? `; shadow ${name(a.shadow)}` : ''}`]))
      : el('p', {class: 'muted'}, 'Each data plane scans with the set of its own configuration.')),
    may('admin') && panel('Go back', el('p', {class: 'muted'}, 'To what all data planes had before.'), order('Roll back', {action: 'rollback'})))));
}

export async function feeds(page) {
  const {feeds: rows} = await get('/feeds');
  replace(page, head('Feeds', 'Lists of ranges that others publish. What they list is excluded.'),
    flush('', table('By name', [
      {label: 'Feed', lead: true, cell: (f) => f.feed},
      {label: 'Ranges in force', number: true, cell: (f) => count(f.ranges)},
      {label: 'State', cell: (f) => !f.followed ? badge('by hand') : f.followed.problem ? badge('in trouble', 'bad') : badge('good')},
      {label: 'Read', cell: (f) => f.followed ? time(f.followed.read) : '–'},
      {label: 'Published', cell: (f) => f.followed ? when(f.followed.published) : '–'},
      {label: 'File', wide: true, cell: (f) => f.followed && [el('span', {class: 'code'}, f.followed.file), f.followed.problem && notice('bad', el('p', {}, f.followed.problem))]},
    ], rows, 'No feed is followed, and none excludes anything: postern feed follow.')));
}

export async function audit(page) {
  const body = el('div');
  const load = async (asked = {}) => {
    const {rows} = await get('/audit', {...asked, limit: 200});
    replace(body, table('Newest first; nothing in it can be changed', [
      {label: 'When', lead: true, cell: (r) => el('span', {class: 'nowrap'}, when(r.at))}, {label: 'Who', cell: (r) => r.author}, {label: 'Did', cell: (r) => r.action},
      {label: 'To', cell: (r) => r.subject}, {label: 'Detail', wide: true, cell: (r) => r.detail},
    ], rows, 'Nothing is written there.'));
  };
  await load();
  replace(page, head('Audit', 'Who changed what.'), panel('', form({layout: 'inline', button: 'Show', act: load}, field('author', 'By'), field('subject', 'About'))), flush('', body));
}

const tokenState = (t) => t.revoked ? badge('revoked') : t.expires && Date.parse(t.expires) <= Date.now() ? badge('expired') : badge('good');

export async function tokens(page, _, again) {
  const {tokens: rows} = await get('/tokens');
  const made = el('div');
  replace(page, head('Tokens', 'Who may come in, and as what.'), el('div', {class: 'columns'}, flush('', table('By name', [
    {label: 'Name', lead: true, cell: (t) => t.name}, {label: 'Role', cell: (t) => t.role}, {label: 'State', cell: tokenState},
    {label: 'Good until', cell: (t) => t.expires ? when(t.expires) : 'for good'}, {label: 'Last used', cell: (t) => time(t.used)},
    {label: 'Change', wide: true, cell: (t) => !t.revoked && el('details', {}, el('summary', {'aria-label': `Revoke ${t.name}`}, 'Revoke'),
      form({button: 'Revoke', danger: true, done: again, act: async () => { await post(`/tokens/${encodeURIComponent(t.name)}/revoke`); return `${t.name} is revoked`; }}))},
  ], rows, 'There are none.')),
  panel('Make a token', form({button: 'Make', act: async (v) => {
    const token = await post('/tokens', {name: v.name, role: v.role, for: v.for || undefined});
    replace(made, el('p'), notice('good', el('p', {}, `The token of ${token.name}. It is not shown again:`), el('pre', {tabindex: '0'}, token.text)));
  }}, field('name', 'Name', {required: true, hint: 'Of a person or a program: the author of its changes.'}),
  field('role', 'Role', {kind: 'select', options: ['viewer', 'technician', 'admin']}),
  field('for', 'Good for', {kind: 'select', value: '90d', options: [['30d', '30 days'], ['90d', '90 days'], ['365d', 'a year'], ['', 'for good']]})), made)));
}
