/** A table of text as its first lines show it. */
export interface Table {
  readonly delimiter: number | 'json' | 'none';
  /** Lines of names at its head. */
  readonly head: 0 | 1;
  /** Columns whose cells are hardly twice there: identifiers, names, addresses, free text. */
  readonly identifiers: readonly number[];
}

const LEAST_ROWS = 8;

/** What the first lines of a file say of all of it. */
export function readTable(lines: readonly Buffer[]): Table {
  const delimiter = delimiterOf(lines);
  const rows = lines.map((line) => cellsOf(line, delimiter));
  const head = typeof delimiter === 'number' && rows.length > 1 && !(rows[0] ?? []).some(isNumber) ? 1 : 0;
  const body = rows.slice(head);
  const width = Math.min(1000, Math.max(0, ...body.slice(0, 100).map(({ length }) => length)));
  const columns = Array.from({ length: width }, (_, index) => index);
  return {
    delimiter,
    head,
    identifiers:
      delimiter === 'none' ? [] : columns.filter((index) => areIdentifiers(body.flatMap((row) => row[index] ?? []))),
  };
}

/** The cells of a line: of JSON the values of its object, in their order. */
export function cellsOf(line: Buffer, delimiter: Table['delimiter']): Buffer[] {
  if (delimiter === 'none') return [line];
  if (delimiter === 'json') return jsonCells(line);
  const cells: Buffer[] = [];
  let from = 0;
  let quoted = false;
  for (let at = 0; at < line.length; at += 1) {
    if (line[at] === 0x22) quoted = !quoted;
    else if (line[at] === delimiter && !quoted) {
      cells.push(line.subarray(from, at));
      from = at + 1;
    }
  }
  cells.push(line.subarray(from));
  return cells;
}

function jsonCells(line: Buffer): Buffer[] {
  try {
    const value = JSON.parse(line.toString()) as unknown;
    const values = typeof value === 'object' && value !== null ? Object.values(value) : [value];
    return values.map((each) => Buffer.from(typeof each === 'string' ? each : (JSON.stringify(each) ?? '')));
  } catch {
    return [line];
  }
}

function delimiterOf(lines: readonly Buffer[]): Table['delimiter'] {
  const body = lines.slice(0, 50);
  if (body.length > 0 && body.every((line) => line[0] === 0x7b)) return 'json';
  for (const delimiter of [0x09, 0x2c, 0x3b, 0x7c]) {
    const widths = new Set(body.map((line) => cellsOf(line, delimiter).length));
    if (widths.size === 1 && !widths.has(1)) return delimiter;
  }
  return 'none';
}

const isNumber = (cell: Buffer): boolean => /^\s*"?-?\d+(\.\d*)?(e[+-]?\d+)?"?\s*$/i.test(cell.toString('latin1'));

/** Measurements are no identifiers: a number of a model may be equal to one. Whole numbers of seven digits or more may be. */
function areIdentifiers(cells: readonly Buffer[]): boolean {
  const texts = cells.map((cell) => cell.toString('latin1').trim()).filter((text) => text !== '');
  if (texts.length < LEAST_ROWS || new Set(texts).size < texts.length * 0.9) return false;
  if (texts.every((text) => /^"?-?\d*\.?\d*(e[+-]?\d+)?"?$/i.test(text)))
    return texts.every((text) => /^"?\d{7,}"?$/.test(text));
  return texts.reduce((sum, { length }) => sum + length, 0) / texts.length >= 6;
}
