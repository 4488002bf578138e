import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { collectBlocks } from './blocks.ts';
import { CollectColumns, collectIdentifier, collectRow } from './collect-row.ts';
import { cellsOf, readTable, type Table } from './columns.ts';
import type { Fingerprints } from './fingerprints.ts';

/** What is looked at before a file is taken for a table of these columns. */
const HEAD = 2 ** 20;
/** A line that is longer is looked at in pieces. */
const LONGEST_LINE = 2 ** 20;

/**
 * Fingerprints of one input. Of a text, of each `every`th line; of a gzip file, of what it unpacks to; of anything else, of
 * windows of its bytes. Reads it once, from the beginning, holding a few megabytes.
 */
export async function readInput(
  fingerprints: Fingerprints,
  path: string,
  every: number,
  beat: () => void = () => undefined,
): Promise<void> {
  const reader = new Reader(fingerprints, every);
  for await (const block of (await isGzip(path)) ? unpacked(path) : createReadStream(path, { highWaterMark: HEAD })) {
    reader.push(block as Buffer);
    beat();
  }
  reader.end();
}

async function isGzip(path: string): Promise<boolean> {
  for await (const block of createReadStream(path, { end: 2 }))
    return (block as Buffer).equals(Buffer.from([0x1f, 0x8b, 8]));
  return false;
}

/** What a gzip file unpacks to, as far as it is one. */
async function* unpacked(path: string): AsyncGenerator<Buffer> {
  const stream = pipeline(createReadStream(path), createGunzip(), () => undefined);
  try {
    for await (const block of stream) yield block as Buffer;
  } catch (error) {
    if (!/^Z_|ERR_/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

class Reader {
  readonly #fingerprints: Fingerprints;
  readonly #every: number;
  readonly #columns: CollectColumns;
  #held = Buffer.alloc(0);
  #kind: Table | 'binary' | undefined;
  #at = 0;
  #line = 0;

  constructor(fingerprints: Fingerprints, every: number) {
    this.#fingerprints = fingerprints;
    this.#every = every;
    this.#columns = new CollectColumns(fingerprints);
  }

  push(block: Buffer): void {
    this.#held = Buffer.concat([this.#held, block]);
    if (this.#kind === undefined && this.#held.length < HEAD) return;
    this.#kind ??= kindOf(this.#held);
    this.#take(false);
  }

  end(): void {
    this.#kind ??= kindOf(this.#held);
    this.#take(true);
  }

  #take(isLast: boolean): void {
    if (this.#kind === 'binary') {
      collectBlocks(this.#fingerprints, this.#held, this.#at, this.#every);
      this.#at += this.#held.length;
      this.#held = Buffer.alloc(0);
      return;
    }
    let from = 0;
    for (;;) {
      let end = this.#held.indexOf(0x0a, from);
      if (end === -1 && (isLast || this.#held.length - from > LONGEST_LINE)) end = this.#held.length;
      if (end === -1 || from >= this.#held.length) break;
      this.#row(this.#held.subarray(from, end), this.#kind as Table);
      from = end + 1;
    }
    this.#held = this.#held.subarray(Math.min(from, this.#held.length));
  }

  #row(line: Buffer, table: Table): void {
    const index = this.#line++;
    if (index < table.head || index % this.#every !== 0 || line.length === 0) return;
    collectRow(this.#fingerprints, line);
    if (table.delimiter === 'none') return;
    const cells = cellsOf(line, table.delimiter);
    this.#columns.row(cells);
    for (const column of table.identifiers) {
      const cell = cells[column];
      if (cell) collectIdentifier(this.#fingerprints, cell);
    }
  }
}

function kindOf(head: Buffer): Table | 'binary' {
  const sample = head.subarray(0, 65_536);
  let odd = 0;
  for (const byte of sample) if (byte < 9 || (byte > 13 && byte < 32)) odd += 1;
  if (odd > sample.length / 1000) return 'binary';
  const lines: Buffer[] = [];
  for (let from = 0; from < head.length && lines.length < 5000;) {
    const end = head.indexOf(0x0a, from);
    if (end === -1 && lines.length > 0) break;
    const line = head.subarray(from, end === -1 ? head.length : end);
    if (line.length > 0) lines.push(line.at(-1) === 0x0d ? line.subarray(0, -1) : line);
    from = end === -1 ? head.length : end + 1;
  }
  return readTable(lines);
}
