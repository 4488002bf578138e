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

const SIGNATURE = Buffer.from('sig=');
const TOKEN = Buffer.from('eyJ');
const wide = (bytes: Buffer) => Buffer.from(bytes.toString('latin1'), 'utf16le');
const MARKS = [SIGNATURE, TOKEN, wide(SIGNATURE), wide(TOKEN)];

function* shapes(window: Buffer): Generator<string> {
  if (!MARKS.some((mark) => window.includes(mark))) return;
  // As it is, and what of it is in UTF-16.
  for (const text of [window.toString('latin1'), window.toString('latin1').replaceAll('\0', '')]) {
    for (const [url] of text.matchAll(/https?:\/\/[\w.:%/+@-]{1,500}\?[\w%=&+:./-]{0,500}\bsig=[\w%+/=-]{20,}/g)) {
      const { pathname, searchParams } = new URL(url);
      if (!(Date.parse(searchParams.get('se') ?? '') < Date.now())) yield sas(pathname, searchParams);
    }
    if (/\beyJ[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{16}/.test(text)) yield 'a bearer token';
  }
}

/** By what it permits where: accounts of the sandbox stand in the path. */
function sas(pathname: string, query: URLSearchParams): string {
  const [, , container] = pathname.split('/');
  return `a SAS for ${container} (${query.get('sp')})`;
}
