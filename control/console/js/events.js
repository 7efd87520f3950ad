// Messages and sessions, as a table.
import {badge, count, el, facts, table, time, when} from './dom.js';

function originOf({origin}) {
  if (!origin) return '';
  return [origin.user && `user ${origin.user}`, origin.ip && `from ${origin.ip}`].filter(Boolean).join(' ');
}

const text = (t) => (t || '').length > 300 ? `${t.slice(0, 300)}…` : t;

function eventDetails(event) {
  return el('details', {}, el('summary', {}, 'All of it'), facts([
    ['Sent', when(event.timestamp)],
    ['From', event.null_sender ? '<> (a bounce)' : event.mail_from || '–'],
    ['To', `${event.rcpt_to.join(', ') || '–'}${event.recipients_count > event.rcpt_to.length ? ` and ${event.recipients_count - event.rcpt_to.length} more` : ''}`],
    ['Server', `${event.server}:${event.server_port}`],
    event.helo && ['HELO', event.helo],
    event.auth_user && ['Logged in as', event.auth_user],
    event.held_by && ['Held by', event.held_by],
    event.origin && event.origin.why && ['Origin', event.origin.why],
    event.link_domains.length > 0 && ['Links to', event.link_domains.join(', ')],
    event.anomalies.length > 0 && ['Anomalies', event.anomalies.join(', ')],
    ['Size', `${count(event.message_bytes)} bytes`],
  ]), event.header_sample && el('pre', {tabindex: '0', 'aria-label': 'Beginning of the header'}, event.header_sample));
}

export const eventTable = (caption, events, none) => table(caption, [
  {label: 'When', lead: true, cell: (e) => time(e.timestamp)},
  {label: 'Message', wide: true, cell: (e) => [
    el('div', {class: 'subject'}, text(e.subject) || (e.kind === 'message' ? '(no subject)' : e.kind)),
    el('div', {class: 'small muted'}, e.null_sender ? '<>' : text(e.mail_from) || '–', originOf(e) && ` · ${originOf(e)}`),
    e.rules.length > 0 && el('div', {class: 'rules'}, e.rules.slice(0, 8).join(' '), e.rules.length > 8 && ` +${e.rules.length - 8}`),
    eventDetails(e)]},
  {label: 'Score', number: true, cell: (e) => e.score ? e.score.toFixed(1) : '–'},
  {label: 'Outcome', cell: (e) => e.outcome ? badge(e.outcome.replace('_', ' ')) : badge('session')},
], events, none);
