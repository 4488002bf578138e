import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Appends to a file; beyond `limit` bytes the file becomes `FILE.1` (one is kept) and a new one begins. */
export class LogFile {
  readonly file: string;
  readonly limit: number;
  private size: number;

  constructor(file: string, limit = 8 * 1024 * 1024) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    this.file = file;
    this.limit = limit;
    this.size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  }

  append(chunk: Buffer | string): void {
    if (this.size > this.limit) {
      renameSync(this.file, `${this.file}.1`);
      this.size = 0;
    }
    appendFileSync(this.file, chunk, { mode: 0o600 });
    this.size += chunk.length;
  }
}
