// Cases and customers.
import {get, may, post, put, remove} from './api.js';
import {badge, count, el, facts, flush, head, inUse, panel, replace, table, time, when} from './dom.js';
import {action, field, form} from './forms.js';
import * as live from './live.js';
import * as parts from './case_parts.js';
import {eventTable} from './events.js';
import {caseLink, senderLink} from './traffic.js';

export async function cases(page) {
  const body = el('div');
  const asked = {state: '', unclosed: 'true', within: ''};
  let rows = [], next = null;
  async function load(more) {
    const answer = await get('/cases', {...asked, limit: 50, offset: more ? next : 0});
    rows = more ? rows.concat(answer.cases) : answer.cases;
    next = answer.next;
    replace(body, table('Last changed first', [
      {label: 'Case', lead: true, cell: (k) => caseLink(k.case)},
      {label: 'About', cell: (k) => k.subject},
      {label: 'Customer', cell: (k) => k.customer || el('span', {class: 'muted'}, 'nobody’s')},
      {label: 'State', cell: (k) => badge(k.state)},
      {label: 'Step', cell: (k) => k.step},
      {label: 'Cause', wide: true, cell: (k) => k.cause},
      {label: 'Changed', cell: (k) => time(k.changed)},
    ], rows, 'No case: nobody is in trouble.'),
    next !== null && el('div', {class: 'more'}, action('Show more', () => load(true))));
  }
  await load();
  replace(page, head('Cases', 'Senders in trouble, and how they come back.'),
    panel('', form({layout: 'inline', button: 'Show', act: (v) => {
      Object.assign(asked, {within: v.within, state: v.state === 'unclosed' ? '' : v.state, unclosed: v.state === 'unclosed' ? 'true' : ''});
      return load();
    }}, field('state', 'State', {kind: 'select', value: 'unclosed', options: [['unclosed', 'all but closed'], ['open', 'open'], ['restoring', 'restoring'],
      ['probation', 'on probation'], ['closed', 'closed'], ['', 'all']]}), field('within', 'Within', {placeholder: '192.0.2.0/24'}))),
    flush('', body));
  return live.on('cases', () => { if (!body.contains(document.activeElement)) load().catch(() => {}); });
}

function restoreForm(about, again) {
  const names = [['smorf-block', 'SMORF block'], ['trusted-relay', 'Trusted relay'], ['range-exclusion', 'Range exclusion']];
  return form({button: 'Give back', done: again, act: async (_, node) => {
    const switches = [...node.querySelectorAll('input[name=switch]:checked')].map((box) => box.value);
    const answer = await post(`/cases/${about.case}/restore`, {switches, although_red: node.elements.although_red.checked});
    return answer.given_back.join(', ') || 'nothing of the case was in force';
  }}, el('fieldset', {}, el('legend', {}, 'Each switch by itself'), names.map(([value, label]) => field('switch', label, {kind: 'check', value}))),
  field('although_red', 'although marks are not green', {kind: 'check'}));
}

export async function oneCase(page, reference, again) {
  const about = await get(`/cases/${encodeURIComponent(reference)}`, {evidence: 50});
  const path = `/cases/${about.case}`;
  const open = about.state !== 'closed' && may('technician');
  const link = el('div');
  replace(page,
    head(`Case ${about.case}`, about.subject, badge(about.state), badge(about.step)),
    parts.whereItStands(about),
    el('div', {class: 'columns'},
      el('div', {},
        panel('Diagnosis', parts.diagnosis(about.diagnosis)),
        about.marks.length > 0 && panel('Before it comes back', parts.marks(about.marks)),
        flush('Evidence', eventTable(`${about.evidence.length} of ${about.evidence_kept} messages kept`, about.evidence.map((e) => e.event).toReversed(), 'No message is kept.'))),
      el('div', {},
        panel('What happened', parts.summary(about),
          about.server && !about.server.includes('/') && el('p', {class: 'small'}, el('br'), 'Sender: ', senderLink(about.server))),
        panel('In force', parts.blocks(about.verdicts)),
        open && panel('Restore', restoreForm(about, again)),
        open && panel('Say something', form({button: 'Add note', done: again, act: async ({text}) => {
          await post(`${path}/note`, {text});
          return 'noted';
        }}, field('text', 'Note', {kind: 'area', required: true})),
        el('p'), el('div', {class: 'buttons'},
          action('Password was changed', async () => { await post(`${path}/password`); return 'noted'; }, again),
          action('Ask for restoration', async () => { await post(`${path}/request`); return 'asked for'; }, again),
          action('Make a link for the customer', async () => {
            const made = await post(`${path}/link`);
            const address = made.url || `${location.origin}/c/${made.token}`;
            replace(link, el('p'), el('p', {class: 'small muted'}, 'Whoever has it sees this case:'), el('pre', {tabindex: '0'}, address));
          }),
          action('Close the case', async () => { await post(`${path}/close`); return 'closed; its verdicts stay as they are'; }, again)), link),
        panel('History', parts.history(about.history)))));
  // A case changes by others' hands, its marks with time alone.
  const shown = Date.now();
  const follow = () => { if (!inUse(page)) again(); };
  const leaves = [
    live.on('cases', (changed) => { if (changed.some((k) => k.case === about.case)) follow(); }),
    live.on('status', () => { if (about.state !== 'closed' && Date.now() - shown > 20_000) follow(); }),
  ];
  return () => leaves.forEach((f) => f());
}

const told = (c) => [c.channels.email && 'e-mail', c.channels.arf && 'ARF', c.channels.xarf && 'XARF', c.channels.webhook_url && 'webhook'].filter(Boolean).join(', ') || 'is not told';

export async function customers(page) {
  const {customers: rows} = await get('/customers');
  replace(page, head('Customers', 'Whose addresses they are, and who is told.', may('technician') && el('a', {href: '#/customer/new', class: 'button-link'}, 'Add a customer')),
    flush('', table('By name', [
      {label: 'Customer', lead: true, cell: (c) => el('a', {href: `#/customer/${c.id}`}, c.name)},
      {label: 'Addresses', cell: (c) => el('span', {class: 'code'}, c.prefixes.slice(0, 3).join(', '), c.prefixes.length > 3 && ` +${c.prefixes.length - 3}`)},
      {label: 'Contact', cell: (c) => c.contacts.length ? c.contacts[0].email : '–'},
      {label: 'Is told by', cell: told},
      {label: 'Messages a day', number: true, cell: (c) => c.limits.messages_per_day ? count(c.limits.messages_per_day) : '–'},
    ], rows, 'There are no customers yet.')));
}

const lines = (t) => t.split('\n').map((l) => l.trim()).filter(Boolean);
const readContact = (l) => {
  const m = /^(.*?)\s*<([^>]*)>$/.exec(l);
  return m ? {name: m[1], email: m[2]} : {name: '', email: l};
};

function customerForm(c, save, button) {
  const node = form({button, act: (v) => save({
    name: v.name, language: v.language, notes: v.notes, prefixes: lines(v.prefixes), contacts: lines(v.contacts).map(readContact),
    channels: {email: Boolean(v.email), arf: Boolean(v.arf), xarf: Boolean(v.xarf), webhook_url: v.webhook_url || null,
      webhook_secret: v.webhook_secret || null, digest_minutes: Number(v.digest)},
    limits: {messages_per_day: Number(v.per_day), messages_per_minute: Number(v.per_minute), exempt: Boolean(v.exempt)},
  })},
  field('name', 'Name', {value: c.name, required: true}),
  field('prefixes', 'Addresses and ranges', {kind: 'area', value: c.prefixes.join('\n'), hint: 'One a line.'}),
  field('contacts', 'Contacts', {kind: 'area', value: c.contacts.map((k) => k.name ? `${k.name} <${k.email}>` : k.email).join('\n'), hint: 'One a line: Anna Example <anna@example.net>.'}),
  el('fieldset', {}, el('legend', {}, 'Is told by'), field('email', 'e-mail', {kind: 'check'}), field('arf', 'ARF report with it', {kind: 'check'}), field('xarf', 'XARF', {kind: 'check'})),
  field('webhook_url', 'Webhook', {value: c.channels.webhook_url || ''}),
  field('webhook_secret', 'Webhook’s secret', {kind: 'password', hint: c.channels.webhook_signed ? 'There is one; empty: it stays.' : 'Signs what is posted.'}),
  field('digest', 'At most one notice in so many minutes', {kind: 'number', value: c.channels.digest_minutes}),
  field('per_day', 'Messages a day that they are known to send', {kind: 'number', value: c.limits.messages_per_day}),
  field('per_minute', 'Throttled to, a minute', {kind: 'number', value: c.limits.messages_per_minute, hint: '0: the policy’s rate.'}),
  field('exempt', 'The policy observes, and does nothing', {kind: 'check'}),
  field('language', 'Language of notices', {value: c.language}),
  field('notes', 'Notes for the abuse desk', {kind: 'area', value: c.notes}));
  for (const name of ['email', 'arf', 'xarf']) node.elements[name].checked = c.channels[name];
  node.elements.exempt.checked = c.limits.exempt;
  return node;
}

export async function customer(page, id, again) {
  if (id === 'new') {
    const none = {name: '', language: 'en', contacts: [], prefixes: [], notes: '', channels: {email: true, arf: true, xarf: false, digest_minutes: 60},
      limits: {messages_per_day: 0, messages_per_minute: 0, exempt: false}};
    replace(page, head('Add a customer'), panel('', customerForm(none, async (c) => {
      const made = await post('/customers', c);
      location.hash = `#/customer/${made.id}`;
      return `${made.name} is a customer now`;
    }, 'Add')));
    return;
  }
  const c = await get(`/customers/${encodeURIComponent(id)}`);
  const {cases: theirs} = await get('/cases', {customer: c.id, limit: 20});
  replace(page, head(c.name, `Customer number ${c.id}`),
    el('div', {class: 'columns'},
      panel('', may('technician') ? customerForm(c, async (changed) => { await put(`/customers/${c.id}`, changed); return 'saved'; }, 'Save')
        : facts([['Addresses', c.prefixes.join(', ') || '–'], ['Contacts', c.contacts.map((k) => `${k.name} <${k.email}>`).join(', ') || '–'], ['Is told by', told(c)], ['Notes', c.notes || '–'], ['Since', when(c.created)]])),
      el('div', {}, panel('Cases', theirs.length ? el('ul', {class: 'plain chain'}, theirs.map((k) => el('li', {}, caseLink(k.case), ' ', badge(k.state), el('div', {class: 'small muted'}, k.subject, ' — ', k.cause))))
        : el('p', {class: 'muted'}, 'There was never one.')),
      may('technician') && panel('Remove', el('p', {class: 'muted'}, 'The customer goes; cases stay.'), el('details', {}, el('summary', {}, 'Remove this customer'),
        form({button: 'Remove', danger: true, act: async () => { await remove(`/customers/${c.id}`); location.hash = '#/customers'; return `${c.name} is removed`; }}))))));
}
