import { Failure } from '../server/errors.ts';
import { json, type Call, type Reply } from '../server/front.ts';
import { compareText } from './registry.ts';

/** One page of a list after `last`, `n` long, with the Link to the next as registries write it. */
export function paged<T>(
  call: Call,
  all: T[],
  keyOf: (item: T) => string,
  body: (page: T[]) => unknown,
  order: (one: T, other: T) => number = (one, other) => compareText(keyOf(one), keyOf(other)),
): Reply {
  const [text, last] = [call.query.get('n'), call.query.get('last')];
  if (text !== null && !/^[1-9]\d{0,5}$/.test(text))
    throw new Failure(400, 'PAGINATION_NUMBER_INVALID', `The page size n='${text}' is invalid.`);
  const size = text === null ? 100 : Number(text);
  const sorted = all.toSorted(order);
  const from = last === null || last === '' ? 0 : after(sorted, keyOf, last);
  const page = sorted.slice(from, from + size);
  if (from + size >= sorted.length) return json(200, body(page));
  const next = new URLSearchParams(call.query);
  next.set('last', keyOf(page.at(-1)!));
  next.set('n', String(size));
  return json(200, body(page), { link: `<${call.path}?${next}>; rel="next"` });
}

/** Where the list goes on; when the last item is gone, after where it would stand by name. */
function after<T>(sorted: T[], keyOf: (item: T) => string, last: string): number {
  const at = sorted.findIndex((item) => keyOf(item) === last);
  if (at >= 0) return at + 1;
  const next = sorted.findIndex((item) => keyOf(item) > last);
  return next < 0 ? sorted.length : next;
}
