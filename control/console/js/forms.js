// Forms: fields with labels, and what becomes of them.
import {el, replace, say} from './dom.js';

let fields = 0;

// kind: text | password | select | area | check
export function field(name, label, {kind = 'text', value = '', options = [], hint, required, placeholder} = {}) {
  const id = `field-${++fields}`;
  const described = hint ? `${id}-hint` : null;
  const common = {id, name, required, 'aria-describedby': described};
  if (kind === 'check') {
    const box = el('input', {...common, type: 'checkbox', value: value || 'true'});
    return el('div', {class: 'check'}, box, el('label', {for: id}, label));
  }
  const input = kind === 'select'
    ? el('select', common, options.map((o) => {
      const [v, text] = Array.isArray(o) ? o : [o, o];
      return el('option', {value: v, selected: v === value}, text);
    }))
    : kind === 'area' ? el('textarea', {...common, placeholder, value})
      : el('input', {...common, type: kind, value, placeholder, autocomplete: 'off', spellcheck: 'false'});
  return el('div', {class: 'field'}, el('label', {for: id}, label), input,
    hint && el('span', {class: 'hint', id: described}, hint));
}

// `act(values)` does it; what it returns is said. A failure stands in the form.
export function form({layout = 'stack', button, danger, act, done}, ...children) {
  const wrong = el('div', {role: 'alert'});
  const submit = el('button', {type: 'submit', class: danger ? 'danger' : null}, button);
  const node = el('form', {class: layout, novalidate: false}, children, el('div', {class: 'buttons'}, submit), wrong);
  node.addEventListener('submit', async (event) => {
    event.preventDefault();
    submit.disabled = true;
    replace(wrong);
    try {
      const said = await act(Object.fromEntries(new FormData(node)), node);
      if (said) say(said);
      if (done) await done();
    } catch (error) {
      replace(wrong, el('div', {class: 'notice bad'}, el('p', {}, error.message)));
    } finally {
      submit.disabled = false;
    }
  });
  return node;
}

// A quiet button that does one thing.
export const action = (text, act, done) => el('button', {type: 'button', class: 'quiet', onclick: async (event) => {
  const button = event.currentTarget;
  button.disabled = true;
  try {
    const said = await act();
    if (said) say(said);
    if (done) await done();
  } catch (error) {
    say(error.message);
  } finally {
    button.disabled = false;
  }
}}, text);
