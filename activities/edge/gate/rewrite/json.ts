/**
 * A JSON value without the spaces between its parts, each text and number in one spelling: what a parser makes of it is the same,
 * in every language. The order of an object's members stays, since programs read it. Undefined for what names a member twice,
 * or is not one value.
 */
export function plainJson(text: string): Iterable<Buffer> | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  return namesTwice(text) ? undefined : written(text);
}

const FLUSH = 2 ** 16;

function* written(text: string): Generator<Buffer> {
  let out = '';
  for (const token of tokens(text)) {
    out += token[0] === '"' ? JSON.stringify(JSON.parse(token)) : plainNumber(token);
    if (out.length < FLUSH) continue;
    yield Buffer.from(out);
    out = '';
  }
  yield Buffer.from(`${out}\n`);
}

/** Texts, numbers, words and marks, of a text that is one JSON value. */
function* tokens(text: string): Generator<string> {
  for (let at = 0; at < text.length;) {
    const letter = text[at] as string;
    if (' \t\n\r'.includes(letter)) {
      at += 1;
      continue;
    }
    const end = letter === '"' ? stringEnd(text, at) : MARKS.includes(letter) ? at + 1 : wordEnd(text, at);
    yield text.slice(at, end);
    at = end;
  }
}

const MARKS = '{}[],:';

function stringEnd(text: string, from: number): number {
  for (let at = from + 1; ; at += 1) {
    at = text.indexOf('"', at);
    let before = at - 1;
    while (text[before] === '\\') before -= 1;
    if ((at - 1 - before) % 2 === 0) return at + 1;
  }
}

function wordEnd(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && !` \t\n\r${MARKS}`.includes(text[at] as string)) at += 1;
  return at;
}

/** A float's shortest spelling, and still a float to Python; whole numbers as they are, since JavaScript's are too small. */
function plainNumber(token: string): string {
  if (!/^-?\d[\d.]*[.eE]/.test(token)) return token;
  const value = Number(token);
  if (!Number.isFinite(value)) return token;
  const shortest = Object.is(value, -0) ? '-0' : String(value);
  return /[.e]/.test(shortest) ? shortest : `${shortest}.0`;
}

function namesTwice(text: string): boolean {
  const open: (Set<string> | undefined)[] = [];
  let name: string | undefined;
  for (const token of tokens(text)) {
    if (token === '{' || token === '[') open.push(token === '{' ? new Set() : undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':' && name !== undefined) {
      const names = open.at(-1);
      if (names?.has(name)) return true;
      names?.add(name);
    }
    name = token[0] === '"' ? (JSON.parse(token) as string) : undefined;
  }
  return false;
}
