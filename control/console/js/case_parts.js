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

// The diagnosis is ours, but the lines it quotes are mail's.
export function diagnosis(found) {
  if (!found) return el('p', {class: 'muted'}, 'There is none yet: more evidence is needed.');
  const findings = found.findings || found.causes || [];
  const one = (f) => el('li', {}, el('div', {}, el('strong', {}, f.title || f.text || f.summary || f.cause || f.kind || 'finding'), ' ',
    f.confidence !== undefined && badge(typeof f.confidence === 'number' ? `${Math.round(f.confidence * 100)} %` : f.confidence)),
  f.advice && el('p', {}, f.advice),
  (f.evidence || f.lines || []).length > 0 && el('details', {}, el('summary', {}, 'What shows it'),
    el('pre', {tabindex: '0'}, (f.evidence || f.lines).map((l) => typeof l === 'string' ? l : l.text || JSON.stringify(l)).join('\n'))));
  if (findings.length) return el('ol', {class: 'plain chain'}, findings.map(one));
  if (found.title || found.text || found.summary || found.cause) return el('ol', {class: 'plain chain'}, one(found));
  return el('pre', {tabindex: '0'}, JSON.stringify(found, null, 2));
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
