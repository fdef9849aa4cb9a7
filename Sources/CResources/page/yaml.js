// As much of YAML as openapi.yaml is written in: block and flow maps and lists, quoted and plain texts, literal and folded
// blocks. No anchors, no tags, no several documents.

export function readYAML(text) {
  const reader = new Reader(text);
  return reader.block(0);
}

class Reader {
  constructor(text) {
    this.lines = text.split('\n');
    this.line = 0;
  }

  /** The indent of the next line that says something; -1 at the end. */
  next() {
    while (this.line < this.lines.length && /^\s*(#|$)/.test(this.lines[this.line])) this.line += 1;
    return this.line < this.lines.length ? this.lines[this.line].search(/\S/) : -1;
  }

  /** A map, a list or a text that is indented by `least` or more. */
  block(least) {
    const indent = this.next();
    if (indent < least) return null;
    const content = this.lines[this.line].slice(indent);
    if (/^-( |$)/.test(content)) return this.list(indent);
    return this.keyOf(content) ? this.map(indent) : this.scalar(content, indent);
  }

  list(indent) {
    const items = [];
    while (this.next() === indent && /^-( |$)/.test(this.lines[this.line].slice(indent))) {
      // What stands behind the mark is a block of its own, further in.
      const rest = this.lines[this.line].slice(indent + 1);
      this.lines[this.line] = `${' '.repeat(indent + 1)}${rest}`;
      items.push(this.block(indent + 1));
    }
    return items;
  }

  map(indent) {
    const map = {};
    while (this.next() === indent) {
      const found = this.keyOf(this.lines[this.line].slice(indent));
      if (!found) break;
      const { key, rest } = found;
      if (rest === '' || rest.startsWith('#')) {
        this.line += 1;
        const inner = this.next();
        const isList = inner === indent && /^-( |$)/.test(this.lines[this.line]?.slice(inner) ?? '');
        map[key] = inner > indent || isList ? this.block(inner) : null;
      } else map[key] = this.scalar(rest, indent);
    }
    return map;
  }

  keyOf(content) {
    const found = /^(?:'((?:[^']|'')*)'|"([^"]*)"|([^\s'"{[&*!|>%@#,][^#]*?)):(?:\s+(.*))?$/.exec(content) ?? null;
    if (!found) return null;
    const [, single, double, plain, rest = ''] = found;
    return { key: single?.replaceAll("''", "'") ?? double ?? plain, rest: rest.trim() };
  }

  /** A value that begins on this line, of a key that is indented by `indent`. */
  scalar(first, indent) {
    this.line += 1;
    if (/^[|>]/.test(first)) return this.literal(first, indent);
    let text = first.trim();
    const isOpen = () => ("{['\"".includes(text[0]) ? !closes(text) : true);
    while (this.line < this.lines.length && isOpen()) {
      const line = this.lines[this.line];
      const isBlank = !line.trim();
      if (!isBlank && line.search(/\S/) <= indent) break;
      if (isBlank || /^\s*#/.test(line)) break;
      text += ` ${line.trim()}`;
      this.line += 1;
    }
    return flow(text);
  }

  literal(mark, indent) {
    const lines = [];
    while (this.line < this.lines.length) {
      const line = this.lines[this.line];
      if (line.trim() && line.search(/\S/) <= indent) break;
      lines.push(line);
      this.line += 1;
    }
    const inner = Math.min(...lines.filter((line) => line.trim()).map((line) => line.search(/\S/)));
    let text = lines.map((line) => line.slice(inner)).join('\n').replace(/\n+$/, '');
    if (mark[0] === '>') text = text.replace(/([^\n])\n(?=[^\n ])/g, '$1 ').replace(/\n\n/g, '\n');
    return mark.includes('-') ? text : `${text}\n`;
  }
}

/** Whether the brackets and quotes of a flow value are all closed. */
function closes(text) {
  try {
    new Flow(text).whole();
    return true;
  } catch {
    return false;
  }
}

const flow = (text) => ("{['\"".includes(text[0]) ? new Flow(text).whole() : plain(text.replace(/\s+#.*$/, '')));

function plain(text) {
  if (text === '' || text === 'null' || text === '~') return null;
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^[-+]?(\d+|\d*\.\d+|\d+\.\d*)(e[-+]?\d+)?$/i.test(text)) return Number(text);
  return text;
}

class Flow {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  whole() {
    const value = this.value();
    this.skip();
    if (this.at < this.text.length && this.text[this.at] !== '#') throw new Error('more than a value');
    return value;
  }

  skip() {
    while (/\s/.test(this.text[this.at] ?? '')) this.at += 1;
  }

  value() {
    this.skip();
    const sign = this.text[this.at];
    if (sign === undefined) throw new Error('no value');
    if (sign === '{') return this.map();
    if (sign === '[') return this.list();
    if (sign === "'" || sign === '"') return this.quoted(sign);
    const begin = this.at;
    while (this.at < this.text.length && !',]}'.includes(this.text[this.at]) && !/^:(\s|$)/.test(this.text.slice(this.at, this.at + 2))) this.at += 1;
    return plain(this.text.slice(begin, this.at).trim());
  }

  quoted(sign) {
    let text = '';
    for (this.at += 1; this.at < this.text.length; this.at += 1) {
      const one = this.text[this.at];
      if (one === '\\' && sign === '"') {
        this.at += 1;
        const escape = this.text[this.at];
        text += { n: '\n', t: '\t', r: '\r' }[escape] ?? escape;
      } else if (one !== sign) text += one;
      else if (sign === "'" && this.text[this.at + 1] === "'") {
        text += one;
        this.at += 1;
      } else {
        this.at += 1;
        return text;
      }
    }
    throw new Error('a quote is open');
  }

  list() {
    const items = [];
    this.at += 1;
    for (;;) {
      this.skip();
      if (this.text[this.at] === ']') break;
      items.push(this.value());
      this.comma(']');
    }
    this.at += 1;
    return items;
  }

  map() {
    const map = {};
    this.at += 1;
    for (;;) {
      this.skip();
      if (this.text[this.at] === '}') break;
      const key = this.value();
      this.skip();
      if (this.text[this.at] !== ':') throw new Error('no colon');
      this.at += 1;
      map[key] = this.value();
      this.comma('}');
    }
    this.at += 1;
    return map;
  }

  comma(end) {
    this.skip();
    if (this.text[this.at] === ',') this.at += 1;
    else if (this.text[this.at] !== end) throw new Error('no comma');
  }
}
