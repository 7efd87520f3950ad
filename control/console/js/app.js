// The console: who is logged in, which page is shown, and the line to the server.
import {get, may, post, session} from './api.js';
import {el, head, notice, replace} from './dom.js';
import {field, form} from './forms.js';
import * as live from './live.js';
import * as machines from './machines.js';
import * as people from './people.js';
import * as traffic from './traffic.js';

// `show(main, name)` fills the page and returns what is to be done when it is left.
const PAGES = [
  {path: 'senders', label: 'Senders', show: traffic.senders},
  {path: 'cases', label: 'Cases', show: people.cases},
  {path: 'verdicts', label: 'Verdicts', show: traffic.verdicts},
  {path: 'customers', label: 'Customers', show: people.customers},
  {path: 'signatures', label: 'Signatures', show: machines.signatures},
  {path: 'gates', label: 'Data planes', show: machines.gates},
  {path: 'feeds', label: 'Feeds', show: machines.feeds},
  {path: 'audit', label: 'Audit', role: 'technician', show: machines.audit},
  {path: 'tokens', label: 'Tokens', role: 'admin', show: machines.tokens},
  {path: 'sender', under: 'senders', show: traffic.sender},
  {path: 'case', under: 'cases', show: people.oneCase},
  {path: 'customer', under: 'customers', show: people.customer},
];

const main = document.getElementById('main');
const nav = document.getElementById('nav');
const menu = document.getElementById('menu');
let leave = null;
let turn = 0;

function leavePage() {
  if (leave) leave();
  leave = null;
}

async function show({focus = true} = {}) {
  leavePage();
  const mine = ++turn;
  const [path, ...rest] = location.hash.replace(/^#\//, '').split('/').map(decodeURIComponent);
  const page = PAGES.find((p) => p.path === path && (!p.role || may(p.role))) || PAGES[0];
  for (const link of nav.querySelectorAll('a')) {
    if (link.dataset.path === (page.under || page.path)) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  openMenu(false);
  const fresh = el('div');
  try {
    const left = await page.show(fresh, rest.join('/'), () => show({focus: false}));
    if (mine !== turn) return left && left();
    leave = left || null;
  } catch (error) {
    if (mine !== turn) return;
    if (error.status === 401) return logIn();
    replace(fresh, head('This page cannot be shown'), notice('bad', el('p', {}, error.message)));
  }
  replace(main, fresh);
  const title = main.querySelector('h1');
  document.title = title ? `${title.textContent} · Postern` : 'Postern';
  if (focus) {
    main.focus({preventScroll: true});
    window.scrollTo(0, 0);
  }
}

function openMenu(open) {
  nav.classList.toggle('open', open);
  menu.setAttribute('aria-expanded', String(open));
}

function logIn() {
  leavePage();
  turn++;
  live.end();
  document.getElementById('top').hidden = true;
  document.title = 'Log in · Postern';
  replace(main, el('div', {class: 'login'}, el('section', {class: 'panel'},
    el('img', {src: '/favicon.svg', alt: '', width: 40, height: 40}),
    el('h1', {}, 'Postern'),
    el('p', {class: 'muted'}, 'Log in with a token. An administrator makes one with ',
      el('code', {}, 'postern api token add'), '.'),
    form({button: 'Log in', act: async ({token}) => {
      Object.assign(session, await post('/login', {token: token.trim()}));
      await enter();
    }}, field('token', 'Token', {kind: 'password', required: true})))));
  main.querySelector('input').focus();
}

async function enter() {
  document.getElementById('top').hidden = false;
  document.getElementById('who').textContent = `${session.name}, ${session.role}`;
  replace(nav, PAGES.filter((p) => p.label && (!p.role || may(p.role))).map((p) =>
    el('a', {href: `#/${p.path}`, 'data-path': p.path}, p.label)));
  live.begin();
  await show();
}

menu.addEventListener('click', () => openMenu(!nav.classList.contains('open')));
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || !nav.classList.contains('open')) return;
  openMenu(false);
  menu.focus();
});
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();  // the address names the page
  main.focus();
});
document.getElementById('logout').addEventListener('click', async () => {
  await post('/logout').catch(() => {});
  logIn();
});
live.on('line', (up) => {
  const line = document.getElementById('live');
  line.className = `live ${up ? 'on' : 'off'}`;
  line.textContent = up ? 'live' : 'not connected';
});
window.addEventListener('hashchange', () => show());

try {
  Object.assign(session, await get('/session'));
  await enter();
} catch {
  logIn();
}
