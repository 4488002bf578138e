import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

export const COLUMNS = ['length', 'width', 'count'];
export const ROW = [2, 1, 3];
const split = (change: object) => ({ input_data: { columns: COLUMNS, data: [ROW], ...change } });
export const rows = (...row: unknown[]) => ({ input_data: [row] });
export const raw = (content: string | Buffer) => ({ raw: content });

/** What is sent, and the path that the answer names. Each is one that a caller has sent somewhere. */
export const WRONG: readonly (readonly [what: string, sent: unknown, path: string])[] = [
  ['no body', raw(''), 'body'],
  ['no JSON', raw('length=2&width=1'), 'body'],
  ['no UTF-8', raw(Buffer.from([0x7b, 0xff, 0x7d])), 'body'],
  ['half a body', raw('{"input_data": [[2, 1'), 'body'],
  ['NaN', raw('{"input_data": [[NaN, 1, 3]]}'), 'body'],
  ['Infinity', raw('{"input_data": [[2, 1, Infinity]]}'), 'body'],
  ['lists in lists without end', raw('['.repeat(100_000)), 'body'],
  ['an integer of 5000 digits', raw(`{"input_data": [[${'9'.repeat(5000)}, 1, 3]]}`), 'body'],
  ['a number', 5, 'body'],
  ['null', null, 'body'],
  ['a text', 'rows', 'body'],
  ['nothing', {}, 'body'],
  ['no rows', [], 'body'],
  ['an unknown form', { rows: [ROW] }, 'body'],
  ['two forms', { input_data: [ROW], inputs: [ROW] }, 'body'],
  ['a word beside the data', { input_data: [ROW], colour: 'red' }, 'colour'],
  ['a parameter that the model has not', { input_data: [ROW], params: { depth: 1 } }, 'params.depth'],
  ['parameters that are none', { input_data: [ROW], params: [1] }, 'params'],
  ['an empty table', { input_data: [] }, 'input_data'],
  ['rows and records', { input_data: [ROW, { length: 1 }] }, 'input_data'],
  ['a short row', rows(2, 1), 'input_data[0]'],
  ['a long row', rows(2, 1, 3, 4), 'input_data[0]'],
  ['a text for a number', rows('two', 1, 3), 'input_data[0][0]'],
  ['true for a number', rows(true, 1, 3), 'input_data[0][0]'],
  ['a list for a number', rows([2], 1, 3), 'input_data[0][0]'],
  ['more than any double', raw('{"input_data": [[1e999, 1, 3]]}'), 'input_data[0][0]'],
  ['an integer that no double holds', raw(`{"input_data": [[${'9'.repeat(400)}, 1, 3]]}`), 'input_data[0][0]'],
  ['half of a whole number', rows(2, 1, 3.5), 'input_data[0][2]'],
  ['null for a whole number', rows(2, 1, null), 'input_data[0][2]'],
  ['more than 64 bits', raw('{"input_data": [[2, 1, 9223372036854775808]]}'), 'input_data[0][2]'],
  ['a whole number without end', raw('{"input_data": [[2, 1, 1e999]]}'), 'input_data[0][2]'],
  ['a column too few', split({ columns: COLUMNS.slice(0, 2), data: [[2, 1]] }), 'input_data'],
  ['a column twice', split({ columns: ['length', 'length', 'count'] }), 'input_data.columns'],
  ['columns without names', split({ columns: [1, 2, 3] }), 'input_data.columns'],
  ['an index of others', split({ index: [1, 2] }), 'input_data.index'],
  ['a part that is no part', split({ datta: [] }), 'input_data.datta'],
  ['a row that is none', split({ data: ROW }), 'input_data.data'],
  ['the second of two rows', split({ data: [ROW, [1, 'two', 3]] }), 'input_data.data[1][1]'],
  [
    'a record that lacks a column',
    [
      { length: 1, width: 2, count: 3 },
      { length: 1, count: 3 },
    ],
    '[1].width',
  ],
  ['lists of two lengths', { inputs: { length: [1], width: [1, 2], count: [3] } }, 'inputs'],
  ['one number for all', { instances: 5 }, 'instances'],
];

/** Of those, what a description’s schema of the body cannot say. */
export const BEYOND_SCHEMAS = [
  'a column too few',
  'a column twice',
  'an index of others',
  'the second of two rows',
  'lists of two lengths',
];

/** What no client of HTTP sends: the bytes themselves. */
const POST = 'POST /score HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';
export const BROKEN: readonly (readonly [what: string, sent: string])[] = [
  ['no request', 'GARBAGE datta\r\n\r\n'],
  ['no header', `${POST}datta\r\n\r\n`],
  ['a length that is none', `${POST}Content-Length: datta\r\n\r\n{}`],
  ['chunks that are none', `${POST}Transfer-Encoding: chunked\r\n\r\ndatta\r\n{}\r\n`],
  ['a chunk that ends too soon', `${POST}Transfer-Encoding: chunked\r\n\r\n40\r\n{}\r\n`],
  ['a body that ends too soon', `${POST}Content-Length: 40\r\n\r\n{}`],
];

/** Sends these bytes and no more, and reads to the end. */
export async function exchange(url: string, sent: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.end(sent);
  return text(socket);
}
