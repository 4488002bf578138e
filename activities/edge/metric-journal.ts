import { randomUUID } from 'node:crypto';
import { closeSync, fdatasyncSync, fstatSync, openSync, writeSync } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { JournalHead, JournalLine } from '../../domain/metric-journal.ts';
import { readNewPoints } from './mlflow-store.ts';
import { jobFolder } from './output-files.ts';

/** A script that logs without end must not fill the disk with it twice. */
const MAX_BYTES = 256 * 2 ** 20;
const CHUNK = 512 * 2 ** 10;

const LAST = `${JSON.stringify({ ended: true })}\n`;

export const journalFile = (home: string, job: string): string => join(jobFolder(home, job), 'spec', 'metrics.jsonl');

/** What is written down: until where of each metric's file (bytes, by `RUN NAME`), and how long that is. */
interface Known {
  bytes: number;
  head: boolean;
  ended: boolean;
  readonly ends: Map<string, number>;
}

/**
 * The order in which a job's numbers were logged, in a file of the worker's own that only grows: what the script's many
 * files say is written down once, whatever is killed. `publishMetrics` reads it here, and its copy is on site.
 */
export class MetricJournal {
  readonly #file: string;
  readonly #store: string;
  readonly #own: string | undefined;
  #known: Known | undefined;

  /** `store` is the script's tracking store, `own` the run in it that the script was told of. */
  constructor(file: string, store: string, own?: string) {
    this.#file = file;
    this.#store = store;
    this.#own = own;
  }

  /**
   * Writes down what is new, a part of it at once where it is much; `start` counts the script's starts. Again is harmless.
   * Returns whether there was any.
   */
  async look(start: number): Promise<boolean> {
    for (;;) {
      const known = (this.#known ??= await this.#read());
      if (known.ended || known.bytes > MAX_BYTES) return false;
      const ends = (id: string, name: string) => known.ends.get(`${id} ${name}`) ?? 0;
      const { run, points } = await readNewPoints(this.#store, ends, this.#own);
      if (points.length === 0 && known.head) return false;
      const head = known.head ? [] : [{ journal: randomUUID(), at: Date.now() }];
      const written = this.#append([...head, ...points.map((point) => ({ ...point, source: `${run}/${start}` }))]);
      if (!written) continue;
      for (const { name, end } of points) known.ends.set(`${run} ${name}`, end);
      known.head = true;
      return points.length > 0;
    }
  }

  /** All of it: once the script runs no more. */
  async lookAtAll(start: number): Promise<void> {
    while (await this.look(start));
  }

  /** Once no script runs any more, and none will. */
  async end(start: number): Promise<void> {
    await this.lookAtAll(start);
    while (!(this.#known ??= await this.#read()).ended) this.#known.ended = this.#append([{ ended: true }]);
  }

  /**
   * In one go, on the disk before anybody can have read it. False where another attempt has written meanwhile: what is
   * known is then out of date.
   */
  #append(lines: JournalLine[]): boolean {
    const file = openSync(this.#file, 'a', 0o644);
    try {
      const known = this.#known;
      if (!known || fstatSync(file).size !== known.bytes) {
        this.#known = undefined;
        return false;
      }
      const text = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      known.bytes += writeSync(file, text);
      fdatasyncSync(file);
      return true;
    } finally {
      closeSync(file);
    }
  }

  async #read(): Promise<Known> {
    const known = { bytes: 0, head: false, ended: false, ends: new Map<string, number>() };
    for (;;) {
      const { lines, offset, torn } = await readJournal(this.#file, known.bytes);
      for (const { line } of lines) {
        if ('journal' in line) known.head = true;
        else if ('ended' in line) known.ended = true;
        else known.ends.set(`${line.source.slice(0, line.source.lastIndexOf('/'))} ${line.name}`, line.end);
      }
      if (offset > known.bytes) known.bytes = offset;
      else {
        known.bytes += torn;
        // A line that a power cut tore is ended, so that the next one stands by itself; whoever reads it passes it over.
        if (torn > 0) known.bytes += this.#mend();
        return known;
      }
    }
  }

  #mend(): number {
    const file = openSync(this.#file, 'a');
    try {
      return writeSync(file, '\n');
    } finally {
      closeSync(file);
    }
  }
}

/** When a record was begun, and its name; undefined where there is none yet. */
export async function journalHead(path: string): Promise<JournalHead | undefined> {
  return JournalHead.safeParse((await readJournal(path, 0, 200)).lines[0]?.line).data;
}

/** How long it is (bytes), and whether it is over: no line follows. */
export async function journalTail(path: string): Promise<{ size: number; over: boolean }> {
  const size = (await stat(path)).size;
  const { lines } = await readJournal(path, Math.max(0, size - LAST.length));
  return { size, over: lines[0] !== undefined && 'ended' in lines[0].line };
}

/** The next lines behind an offset (bytes), each with where it ends; `torn` bytes at the very end are no line yet. */
export async function readJournal(
  path: string,
  from: number,
  most = CHUNK,
): Promise<{ lines: { line: JournalLine; end: number }[]; offset: number; torn: number }> {
  const file = await open(path, 'r').catch(absent);
  if (!file) return { lines: [], offset: from, torn: 0 };
  try {
    const chunk = await readChunk(file, from, most);
    const lines: { line: JournalLine; end: number }[] = [];
    let at = 0;
    for (let newline = chunk.indexOf(10); newline >= 0; newline = chunk.indexOf(10, at)) {
      const line = parsed(chunk.toString('utf8', at, newline));
      at = newline + 1;
      if (line) lines.push({ line, end: from + at });
    }
    return { lines, offset: from + at, torn: chunk.length - at };
  } finally {
    await file.close();
  }
}

async function readChunk(file: FileHandle, from: number, most: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(most), 0, most, from);
  return buffer.subarray(0, bytesRead);
}

function parsed(text: string): JournalLine | undefined {
  try {
    return JournalLine.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
