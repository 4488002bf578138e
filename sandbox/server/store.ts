import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/** One write of a transaction; `value` undefined removes. Values are JSON and are treated as immutable. */
export interface Change {
  collection: string;
  key: string;
  value?: unknown;
}

const compactAfterBytes = 32 * 1024 * 1024;

/**
 * Collections of JSON records, in memory and in a journal on disk. A transaction is one line, written by one call: after
 * kill -9 at any point it is there whole or not at all (a torn last line is cut off at the next start).
 */
export class Store {
  readonly #collections = new Map<string, Map<string, unknown>>();
  readonly #file: string;
  #journal: number;
  #bytes = 0;

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#file = join(directory, 'journal.ndjson');
    if (existsSync(this.#file)) this.#replay();
    this.#journal = this.#compact();
  }

  get<T>(collection: string, key: string): T | undefined {
    return this.#collections.get(collection)?.get(key) as T | undefined;
  }

  /** Values whose key starts with `prefix`, in the order of their first write. */
  list<T>(collection: string, prefix = ''): T[] {
    const found: T[] = [];
    for (const [key, value] of this.#collections.get(collection) ?? []) {
      if (key.startsWith(prefix)) found.push(value as T);
    }
    return found;
  }

  /** All or nothing; durable (against the process's death) when it returns. */
  commit(changes: Change[]): void {
    if (changes.length === 0) return;
    const line = Buffer.from(JSON.stringify(changes) + '\n');
    this.#write(this.#journal, line);
    this.#bytes += line.length;
    for (const change of changes) this.#apply(change);
    if (this.#bytes > compactAfterBytes) {
      closeSync(this.#journal);
      this.#journal = this.#compact();
    }
  }

  close(): void {
    closeSync(this.#journal);
  }

  #replay(): void {
    const text = readFileSync(this.#file, 'utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    for (const line of whole.split('\n')) {
      if (line !== '') for (const change of JSON.parse(line) as Change[]) this.#apply(change);
    }
  }

  #apply({ collection, key, value }: Change): void {
    let records = this.#collections.get(collection);
    if (!records) this.#collections.set(collection, (records = new Map()));
    if (value === undefined) records.delete(key);
    else records.set(key, value);
  }

  /** Writes what is in memory as a new journal beside the old one, puts it in its place, and returns it open. */
  #compact(): number {
    const next = `${this.#file}.next`;
    const file = openSync(next, 'w', 0o600);
    ftruncateSync(file, 0);
    this.#bytes = 0;
    for (const [collection, records] of this.#collections) {
      for (const [key, value] of records) {
        this.#write(file, Buffer.from(JSON.stringify([{ collection, key, value }]) + '\n'));
      }
    }
    renameSync(next, this.#file);
    return file;
  }

  #write(file: number, bytes: Buffer): void {
    for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
  }
}
