import { invalid } from './route.ts';

/** One page and the token of the next, which names the last item shown: what is added meanwhile shifts nothing. */
export function page<T>(
  all: T[],
  keyOf: (item: T) => string,
  size: number,
  token: string | undefined,
): { items: T[]; next?: string } {
  const last = token ? decode(token) : undefined;
  const from = last === undefined ? 0 : all.findIndex((item) => keyOf(item) === last) + 1;
  if (last !== undefined && from === 0) throw invalid(`Invalid page token: ${token}`);
  const items = all.slice(from, from + size);
  return from + size < all.length ? { items, next: encode(keyOf(items.at(-1)!)) } : { items };
}

function encode(key: string): string {
  return Buffer.from(JSON.stringify({ last: key })).toString('base64url');
}

function decode(token: string): string {
  try {
    const { last } = JSON.parse(Buffer.from(token, 'base64url').toString()) as { last?: unknown };
    if (typeof last === 'string') return last;
  } catch {
    // said below
  }
  throw invalid(`Invalid page token: ${token}`);
}
