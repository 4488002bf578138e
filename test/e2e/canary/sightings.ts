import type { Needles } from './needles.ts';

/** Longer than a URL with its SAS is. */
const SHARED = 4096;

/**
 * What of the needles, of tokens and of SASs that have not run out is in a stream of bytes; each stretch is looked at once,
 * so that a whole disk needs no memory.
 */
export async function sightings(chunks: AsyncIterable<Buffer>, needles: Needles): Promise<Set<string>> {
  const found = new Set<string>();
  let before = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const window = before.length > 0 ? Buffer.concat([before, chunk]) : chunk;
    for (const name of needles.find(window)) found.add(name);
    for (const name of shapes(window)) found.add(name);
    before = Buffer.from(window.subarray(Math.max(0, window.length - SHARED)));
  }
  return found;
}

const wide = (text: string) => Buffer.from(text, 'utf16le');

/** What stands around a mark, as text: as it is, or in UTF-16. A pattern is only ever tried there, or a disk would take hours. */
function* around(window: Buffer, mark: string): Generator<string> {
  for (const [bytes, width] of [
    [Buffer.from(mark), 1],
    [wide(mark), 2],
  ] as const) {
    for (let at = window.indexOf(bytes); at >= 0; at = window.indexOf(bytes, at + bytes.length)) {
      const stretch = window.subarray(Math.max(0, at - 700 * width), at + 400 * width).toString('latin1');
      yield width === 1 ? stretch : stretch.replaceAll('\0', '');
    }
  }
}

function* shapes(window: Buffer): Generator<string> {
  for (const text of around(window, 'sig=')) {
    const [url] = /https?:\/\/[^\s"'<>?\\]{1,500}\?[\w%=&+:./-]*\bsig=[\w%+/=-]{20,}/.exec(text) ?? [];
    if (url === undefined) continue;
    const { pathname, searchParams } = new URL(url);
    if (!(Date.parse(searchParams.get('se') ?? '') < Date.now())) yield sas(pathname, searchParams);
  }
  for (const text of around(window, 'eyJ'))
    if (/\beyJ[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{16}/.test(text)) yield 'a bearer token';
}

/** By what it permits where: accounts of the sandbox stand in the path. */
function sas(pathname: string, query: URLSearchParams): string {
  const [, , container] = pathname.split('/');
  const scope = query.get('sr') === 'b' ? `one blob of ${container}` : container;
  return `a SAS for ${scope} (${query.get('sp')})`;
}
