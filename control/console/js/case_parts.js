// What the console and the customer's page both show of a case.
import {ago, badge, el, facts, notice, when} from './dom.js';

const MARKS = {quiet: 'The source has gone quiet', purged: 'The queue is purged', relay: 'The relay is closed', password: 'The password is changed'};
const SWITCHES = {'treatment': 'Treatment', 'trusted-relay': 'Trusted relay', 'smorf-block': 'SMORF block', 'range-exclusion': 'Range exclusion'};

export const marks = (list) => list.length ? el('ul', {class: 'plain marks'}, list.map((m) => el('li', {},
  badge(m.green ? 'done' : 'not yet'), el('div', {}, el('strong', {}, MARKS[m.mark] || m.mark),
    el('div', {class: 'muted'}, m.text)))))
  : el('p', {class: 'muted'}, 'Nothing has to be shown.');

export const blocks = (verdicts) => verdicts.length ? el('ol', {class: 'plain chain'}, verdicts.map((v) => el('li', {},
  badge(v.treatment), ' ', el('strong', {}, SWITCHES[v.switch] || v.switch), ' on ', el('span', {class: 'code'}, v.prefix),
  v.part && [', only ', el('span', {class: 'code'}, v.part)],
  el('div', {class: 'small muted'}, v.reason ? `${v.reason} — ` : '', v.author ? `${v.author}, ` : '', 'since ', when(v.set), v.expires ? `, until ${when(v.expires)}` : ''))))
  : el('p', {class: 'muted'}, 'Nothing of this case is in force.');

// control/diagnosis writes it. The sentences are ours, but what they quote is mail's.
export function diagnosis(found) {
  if (!found || !found.findings) return el('p', {class: 'muted'}, 'There is none yet: more evidence is needed.');
  const shown = (f) => (f.grounds || []).concat(f.lines || []);
  return [
    el('ol', {class: 'plain chain'}, found.findings.map((f) => el('li', {},
      el('div', {}, el('strong', {}, f.text), ' ', badge(`${f.confidence} confidence`)),
      shown(f).length > 0 && el('details', {}, el('summary', {}, 'What shows it'),
        el('pre', {tabindex: '0'}, shown(f).join('\n')))))),
    found.probe && el('p', {class: 'small muted'}, `Probe: ${found.probe.text}`),
    (found.advice || []).length > 0 && [el('h3', {}, 'What to do'), el('ul', {}, found.advice.map((a) => el('li', {}, a)))],
  ];
}

export const history = (rows) => el('ol', {class: 'plain history'}, rows.toReversed().map((row) => el('li', {},
  el('div', {class: 'when'}, when(row.at), row.author && ` · ${row.author}`), el('p', {}, el('strong', {}, row.action), row.text && ` — ${row.text}`))));

export const summary = (about) => facts([
  ['About', about.subject], about.customer && ['Customer', about.customer], ['Cause', about.cause],
  ['Opened', when(about.opened)], ['Changed', ago(about.changed)], about.closed && ['Closed', when(about.closed)],
  about.requested_by && ['Restoration asked for', `by ${about.requested_by}, ${ago(about.requested)}`],
]);

export function whereItStands(about) {
  if (about.state === 'closed') return notice('good', el('p', {}, 'This case is closed.'));
  if (about.state === 'probation') return notice('warn', el('p', {}, 'Sending works again, at a rate that rises step by step. New spam in this time brings everything back.'));
  if (about.requested_by) return notice('warn', el('p', {}, `Restoration was asked for by ${about.requested_by}; it is being looked at.`));
  return null;
}
