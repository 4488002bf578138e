import { createHash } from 'node:crypto';
import { appendFileSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isUtf8 } from 'node:buffer';
import { redactBody, redactQuery } from './redaction.ts';

/** What `GET /requests` of the admin port lists, oldest first. */
export interface AuditEntry {
  sequence: number;
  time: string;
  milliseconds: number;
  front: string;
  method: string;
  /** Path and query as sent, signatures and tokens replaced by REDACTED. */
  path: string;
  requestId: string;
  /** What was sent; absent when the connection was cut before an answer. */
  status?: number;
  bodyBytes: number;
  /** Of the whole body as received, before redaction. */
  bodySha256?: string;
  /** Cloud-bound fronts only: the first 1 MiB when it is text, the protocol's own secret fields replaced. */
  body?: string;
  /** Cloud-bound fronts only: file with the first 1 MiB when it is not text. */
  bodyFile?: string;
}

export const recordedBytes = 1024 * 1024;

/** Fronts that stand for something outside the site: their bodies are kept for the search for leaks. */
const cloudBound = new Set(['azure', 'registry', 'release-blob']);

export interface Recording {
  /** Feeds the digest and the record. */
  body(chunk: Buffer): void;
  end(status: number | undefined): void;
}

export class Audit {
  readonly #file: string;
  readonly #bodies: string;
  readonly #handle: number;
  #sequence: number;

  constructor(directory: string) {
    this.#bodies = join(directory, 'bodies');
    mkdirSync(this.#bodies, { recursive: true, mode: 0o700 });
    this.#file = join(directory, 'requests.ndjson');
    this.#handle = openSync(this.#file, 'a', 0o600);
    this.#sequence = this.#mendTail();
  }

  /** One request; `end` writes the line, once. */
  open(request: { front: string; method: string; path: string; requestId: string; contentType: string }): Recording {
    const began = Date.now();
    const digest = createHash('sha256');
    const kept: Buffer[] = [];
    let [bytes, keptBytes, ended] = [0, 0, false];
    return {
      body: (chunk) => {
        digest.update(chunk);
        bytes += chunk.length;
        if (!cloudBound.has(request.front) || keptBytes >= recordedBytes) return;
        kept.push(chunk.subarray(0, recordedBytes - keptBytes));
        keptBytes += kept.at(-1)!.length;
      },
      end: (status) => {
        if (ended) return;
        ended = true;
        const entry: AuditEntry = {
          sequence: ++this.#sequence,
          time: new Date(began).toISOString(),
          milliseconds: Date.now() - began,
          front: request.front,
          method: request.method,
          path: redactQuery(request.path),
          requestId: request.requestId,
          ...(status === undefined ? {} : { status }),
          bodyBytes: bytes,
          ...(bytes === 0 ? {} : { bodySha256: digest.digest('hex') }),
        };
        if (keptBytes > 0) Object.assign(entry, this.#record(entry, Buffer.concat(kept), request.contentType));
        appendFileSync(this.#handle, JSON.stringify(entry) + '\n');
      },
    };
  }

  /** Entries after `since`, of one front or all. */
  list(since = 0, front?: string): AuditEntry[] {
    return this.#read().filter((entry) => entry.sequence > since && (front === undefined || entry.front === front));
  }

  close(): void {
    closeSync(this.#handle);
  }

  #record(entry: AuditEntry, bytes: Buffer, contentType: string): Partial<AuditEntry> {
    if (isUtf8(bytes)) return { body: redactBody(bytes.toString('utf8'), contentType) };
    const bodyFile = join(this.#bodies, `${entry.sequence}.bin`);
    writeFileSync(bodyFile, bytes, { mode: 0o600 });
    return { bodyFile };
  }

  #read(): AuditEntry[] {
    const lines = readFileSync(this.#file, 'utf8').split('\n').slice(0, -1);
    return lines.flatMap((line) => {
      try {
        return [JSON.parse(line) as AuditEntry];
      } catch {
        return []; // a line torn by kill -9
      }
    });
  }

  /** Ends a line that kill -9 tore, and returns the last sequence number. */
  #mendTail(): number {
    if (!existsSync(this.#file)) return 0;
    const text = readFileSync(this.#file, 'utf8');
    if (text !== '' && !text.endsWith('\n')) appendFileSync(this.#handle, '\n');
    return this.#read().at(-1)?.sequence ?? 0;
  }
}
