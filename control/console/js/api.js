// Questions to the REST interface of this server.

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

async function ask(method, path, body) {
  const request = {method, headers: {Accept: 'application/json'}, cache: 'no-store'};
  // No page of another site can send this header: it is what shows that a change is meant.
  if (method !== 'GET') request.headers['X-Postern'] = '1';
  if (body !== undefined) {
    request.headers['Content-Type'] = 'application/json';
    request.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(`/api/v1${path}`, request);
  } catch {
    throw new Problem(0, 'the control process does not answer');
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, answer.detail || `it failed (${response.status})`);
  return answer;
}

export const get = (path, parameters = {}) => {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, v]) => v !== '' && v !== undefined));
  return ask('GET', query.size ? `${path}?${query}` : path);
};
export const post = (path, body = {}) => ask('POST', path, body);
export const put = (path, body) => ask('PUT', path, body);
export const remove = (path) => ask('DELETE', path);

export const session = {name: '', role: ''};
const RANKS = ['viewer', 'technician', 'admin'];
export const may = (role) => RANKS.indexOf(session.role) >= RANKS.indexOf(role);
