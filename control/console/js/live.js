// What happens, as it happens. Pages listen with on(); what they returned as `leave` ends it.

const listeners = new Map();
let source = null;

export function on(kind, listener) {
  if (!listeners.has(kind)) listeners.set(kind, new Set());
  listeners.get(kind).add(listener);
  return () => listeners.get(kind).delete(listener);
}

function tell(kind, value) {
  for (const listener of listeners.get(kind) || []) listener(value);
}

export function begin() {
  if (source) return;
  source = new EventSource('/api/v1/live');
  for (const kind of ['status', 'events', 'cases'])
    source.addEventListener(kind, (message) => tell(kind, JSON.parse(message.data)));
  source.addEventListener('open', () => tell('line', true));
  source.addEventListener('error', () => {
    tell('line', false);
    // The browser tries again by itself, but not after an answer that is no stream.
    if (source && source.readyState === EventSource.CLOSED) {
      end();
      setTimeout(begin, 5000);
    }
  });
}

export function end() {
  if (source) source.close();
  source = null;
}
