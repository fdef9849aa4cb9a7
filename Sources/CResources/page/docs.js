// openapi.yaml as a page to read.

import { Refusal, ask, at } from './api.js';
import { el } from './dom.js';
import { dress } from './dress.js';
import { readYAML } from './yaml.js';

const main = document.getElementById('main');
const methods = ['get', 'post', 'put', 'delete'];
let description = null;

/** What a reference stands for, and its name. */
function resolved(node) {
  if (!node?.$ref) return { node, name: null };
  const parts = node.$ref.replace(/^#\//, '').split('/');
  return { node: parts.reduce((found, part) => found?.[part], description), name: parts.at(-1) };
}

// Text

function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (part.startsWith('`')) return el('code', {}, part.slice(1, -1));
    if (part.startsWith('**')) return el('strong', {}, part.slice(2, -2));
    return part;
  });
}

/** Paragraphs and tables of the little markup that descriptions have. */
function prose(text) {
  return (text ?? '').trim().split(/\n\s*\n/).filter(Boolean).map((block) => {
    const lines = block.split('\n');
    if (!lines.every((line) => line.startsWith('|'))) return el('p', {}, inline(lines.join(' ')));
    const cells = (line) => line.slice(1, -1).split('|').map((cell) => cell.trim());
    const [head, , ...rows] = lines.map(cells);
    return el('div', { class: 'scroll' }, el('table', {},
      el('thead', {}, el('tr', {}, head.map((cell) => el('th', { scope: 'col' }, inline(cell))))),
      el('tbody', {}, rows.map((row) => el('tr', {}, row.map((cell) => el('td', {}, inline(cell))))))));
  });
}

// Schemas

function kind(schema) {
  if (!schema) return [];
  if (schema.$ref) {
    const name = schema.$ref.split('/').at(-1);
    return [el('a', { href: `#schema-${name}` }, name)];
  }
  const several = schema.oneOf ?? schema.anyOf;
  if (several?.every((one) => one.$ref || one.type)) return several.flatMap((one, index) => [index ? ' or ' : '', ...kind(one)]);
  if (schema.const !== undefined) return [el('code', {}, JSON.stringify(schema.const))];
  if (schema.enum) return [el('code', {}, schema.enum.join(' | '))];
  const type = Array.isArray(schema.type) ? schema.type.join(' or ') : schema.type ?? '';
  if (type.startsWith('array') && schema.items) return ['list of ', ...kind(schema.items)];
  const bounds = [schema.minimum !== undefined ? `≥ ${schema.minimum}` : '', schema.maximum !== undefined ? `≤ ${schema.maximum}` : ''].filter(Boolean).join(', ');
  return [`${schema.format ?? type}${bounds ? `, ${bounds}` : ''}${schema.default !== undefined ? `, default ${schema.default}` : ''}`];
}

function properties(schema, of) {
  const fields = Object.entries(schema.properties ?? {});
  if (!fields.length) return [];
  return [el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `Properties of ${of}` }, el('table', {},
    el('thead', {}, el('tr', {}, ['Name', 'Type', ''].map((text) => (text ? el('th', { scope: 'col' }, text) : el('td', {}))))),
    el('tbody', {}, fields.map(([name, field]) => el('tr', {},
      el('td', {}, el('code', {}, name), schema.required?.includes(name) ? '' : el('span', { class: 'muted small' }, ' optional')),
      el('td', { class: 'small' }, kind(field)),
      el('td', { class: 'small' }, prose(field.description)))))))];
}

const example = (value) => (value === undefined ? null
  : el('pre', { class: 'scroll', tabindex: 0 }, el('code', {}, typeof value === 'string' ? value : JSON.stringify(value, null, 2))));

// Operations

const place = (method, path) => `${method}-${path}`.replace(/[^A-Za-z0-9]+/g, '-').replace(/-$/, '');

function operation(method, path, shared, about) {
  const parameters = [...(shared ?? []), ...(about.parameters ?? [])].map((one) => resolved(one).node);
  const { node: body } = resolved(about.requestBody);
  return el('article', { class: 'card operation', id: place(method, path), 'aria-labelledby': `${place(method, path)}-title` },
    el('h3', { id: `${place(method, path)}-title` }, el('span', { class: `chip ${method === 'get' ? 'running' : method === 'delete' ? 'failed' : 'succeeded'}` }, method.toUpperCase()), ' ', el('code', {}, path)),
    el('p', {}, el('strong', {}, about.summary)),
    prose(about.description),
    parameters.length ? [el('h4', {}, 'Parameters'), el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `Parameters of ${method} ${path}` }, el('table', {},
      el('thead', {}, el('tr', {}, ['Name', 'In', 'Type', 'Meaning'].map((text) => el('th', { scope: 'col' }, text)))),
      el('tbody', {}, parameters.map((one) => el('tr', {},
        el('td', {}, el('code', {}, one.name)), el('td', { class: 'small' }, one.in), el('td', { class: 'small' }, kind(one.schema)), el('td', { class: 'small' }, prose(one.description)))))))] : null,
    body ? [el('h4', {}, 'Body'), ...content(body.content, body.description)] : null,
    el('h4', {}, 'Answers'),
    el('dl', { class: 'answers' }, Object.entries(about.responses).flatMap(([status, answer]) => {
      const { node } = resolved(answer);
      return [el('dt', {}, el('code', {}, status)), el('dd', {}, prose(node.description), status.startsWith('2') || status.startsWith('1') ? content(node.content) : null)];
    })));
}

function content(types, description) {
  return [...prose(description), el('ul', {}, Object.entries(types ?? {}).map(([type, { schema, example: shown }]) => {
    const { node } = resolved(schema);
    return el('li', {}, el('code', {}, type), ' ', kind(schema), schema?.$ref ? null : prose(node?.description), example(shown));
  }))];
}

function show() {
  const operations = Object.entries(description.paths).flatMap(([path, item]) =>
    methods.filter((method) => item[method]).map((method) => ({ method, path, shared: item.parameters, about: item[method] })));
  const groups = description.tags.map(({ name, description: text }) => ({ name, text, members: operations.filter((one) => one.about.tags?.[0] === name) }));
  main.replaceChildren(
    el('h1', {}, `${description.info.title} ${description.info.version}`),
    el('section', { class: 'card', 'aria-label': 'About' }, el('p', {}, el('strong', {}, description.info.summary)), prose(description.info.description),
      el('p', {}, el('a', { href: at('/openapi.yaml') }, 'openapi.yaml'))),
    el('nav', { class: 'card groups', 'aria-label': 'Operations' }, groups.map(({ name, members }) => el('div', {}, el('h2', {}, name), el('ul', { class: 'contents' }, members.map(({ method, path, about }) =>
      el('li', {}, el('a', { href: `#${place(method, path)}` }, el('code', {}, `${method.toUpperCase()} ${path}`)), ' ', el('span', { class: 'muted small' }, about.summary))))))),
    ...groups.flatMap(({ name, text, members }) => [
      el('h2', {}, name), el('div', {}, prose(text)), ...members.map(({ method, path, shared, about }) => operation(method, path, shared, about)),
    ]),
    el('h2', {}, 'Schemas'),
    ...Object.entries(description.components.schemas).map(([name, schema]) => el('article', { class: 'card', id: `schema-${name}`, 'aria-labelledby': `schema-${name}-title` },
      el('h3', { id: `schema-${name}-title` }, name), prose(schema.description), schema.properties ? null : el('p', {}, kind(schema)), properties(schema, name), example(schema.example))),
    el('h2', {}, 'Problems'),
    el('section', { class: 'card', 'aria-label': 'Problems' }, el('dl', { class: 'answers' }, Object.entries(description['x-problem-types']).flatMap(([name, { status, meaning }]) => [
      el('dt', {}, el('code', {}, name), ` ${status ?? ''}`), el('dd', {}, inline(meaning))]))));
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

dress(document.getElementById('theme'));
try {
  const answer = await ask('/openapi.yaml', { accept: 'application/yaml' });
  description = readYAML(await answer.text());
  show();
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  main.replaceChildren(el('h1', {}, 'API'), el('div', { class: 'notice bad', role: 'alert' }, el('strong', {}, error.title), error.message, ' ',
    error.status === 401 ? el('a', { href: './#/' }, 'Sign in on the first page.') : null));
}
