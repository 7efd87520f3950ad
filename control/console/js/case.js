// The page that a customer's mail admin gets a link to: what happened, and what is to be done.
import {get, post} from './api.js';
import {badge, el, facts, flush, head, notice, panel, replace} from './dom.js';
import {field, form} from './forms.js';
import * as parts from './case_parts.js';
import {eventTable} from './events.js';

const main = document.getElementById('main');
const path = `/linked/${encodeURIComponent(location.pathname.replace(/^\/c\//, ''))}`;

async function show() {
  let about;
  try {
    about = await get(path);
  } catch (error) {
    replace(main, head('This link does not open'), notice('bad', el('p', {}, error.message)));
    return;
  }
  const open = about.state === 'open' || about.state === 'restoring';
  const password = about.marks.find((m) => m.mark === 'password');
  const ready = about.marks.length > 0 && about.marks.every((m) => m.green);
  replace(main,
    head(`Mail from ${about.subject}`, `Case ${about.case}`, badge(about.state)),
    parts.whereItStands(about),
    open && !about.requested_by && notice('bad', el('p', {}, 'Spam was sent by this server, or through it, so its mail is held back. Below is what was seen, and what to do.')),
    panel('What happened', parts.summary(about)),
    panel('Where it comes from', parts.diagnosis(about.diagnosis)),
    panel('What is blocked', parts.blocks(about.verdicts)),
    about.marks.length > 0 && panel('What has to be so before sending works again', parts.marks(about.marks)),
    open && password && !password.green && panel('The password is changed', form({button: 'I changed it', done: show, act: async (v) => {
      await post(`${path}/password`, v);
      return 'Noted.';
    }}, field('who', 'Your name or e-mail address', {required: true}), field('text', 'Whose password, and how', {kind: 'area'}))),
    open && !about.requested_by && panel('Ask for restoration',
      el('p', {class: 'muted'}, ready ? 'All marks are green.' : 'This works once all marks above are green. Some become so by themselves, with time.'),
      form({button: 'Ask for restoration', done: show, act: async (v) => {
        await post(`${path}/request`, v);
        return 'Asked for.';
      }}, field('who', 'Your name or e-mail address', {required: true}), field('text', 'What was wrong, and what you did', {kind: 'area'}))),
    flush('Evidence', eventTable(`${about.evidence.length} of ${about.evidence_kept} messages that are kept`, about.evidence.map((e) => e.event).toReversed(), 'No message is kept.')),
    panel('History', parts.history(about.history)),
    facts([]));
  document.title = `Case ${about.case}`;
}

await show();
