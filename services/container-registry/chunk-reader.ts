import { createHash } from 'node:crypto';

/** What one request carries at most, and what is held to send it again: enough that the round trip does not show. */
const CHUNK = 16 * 2 ** 20;
/** What is handed on at a time: each piece costs a call at every step of its way. */
const PIECE = 2 ** 18;

/**
 * Reads a source once, chunk by chunk, and hashes it. What was read of the present chunk is kept, in one buffer for all, so
 * that it can be read again; of what comes after it no more is held than the source's last piece.
 */
export class ChunkReader {
  readonly #source: AsyncIterator<Buffer>;
  readonly #abortSignal: AbortSignal | undefined;
  readonly #hash = createHash('sha256');
  #held = Buffer.alloc(0);
  /** Where the present chunk begins in the blob. */
  #start = 0;
  #length = 0;
  #rest = Buffer.alloc(0);
  #ended = false;
  #filling: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(source: AsyncIterable<Buffer>, abortSignal?: AbortSignal) {
    this.#source = source[Symbol.asyncIterator]();
    this.#abortSignal = abortSignal;
  }

  /** Where in the blob the bytes end that were read. */
  get end(): number {
    return this.#start + this.#length;
  }

  /**
   * Goes on to the next chunk; false where there is none. What was read of the present one is no longer there.
   * @throws what the source threw, now or in the midst of the present chunk, and the abort's reason
   */
  async next(): Promise<boolean> {
    this.#abortSignal?.throwIfAborted();
    this.#start = this.end;
    this.#length = 0;
    await this.#fill();
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#length > 0;
  }

  /**
   * The present chunk's bytes from a place in the blob on, read from the source where they were not yet. They end where the
   * source fails, and at an abort, so that a request that carries them ends in good order, and the upload can be given up.
   */
  async *read(from: number): AsyncGenerator<Buffer> {
    const start = this.#start;
    for (let at = from - start; start === this.#start; at = this.#length) {
      if (at === this.#length) await this.#fill();
      if (at === this.#length || this.#abortSignal?.aborted) return;
      yield this.#held.subarray(at, this.#length);
    }
  }

  /** `sha256:…` of all that was read, once. */
  digest(): string {
    return `sha256:${this.#hash.digest('hex')}`;
  }

  /** Lets go of the source. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }

  /** A reader that was broken off may still wait for the source: who comes next waits with it. */
  #fill(): Promise<void> {
    return (this.#filling ??= this.#pull()
      .catch((error: unknown) => {
        this.#failure = { error };
        this.#ended = true;
      })
      .finally(() => (this.#filling = undefined)));
  }

  async #pull(): Promise<void> {
    const before = this.#length;
    while (this.#length < CHUNK && this.#length - before < PIECE && !this.#ended) {
      if (this.#rest.length === 0) {
        const { done, value } = await this.#source.next();
        if (done) this.#ended = true;
        else this.#rest = value as Buffer<ArrayBuffer>;
      }
      this.#keep();
    }
    this.#hash.update(this.#held.subarray(before, this.#length));
  }

  #keep(): void {
    if (this.#held.length - this.#length < this.#rest.length && this.#held.length < CHUNK) this.#grow();
    const kept = this.#rest.copy(this.#held, this.#length);
    this.#length += kept;
    this.#rest = this.#rest.subarray(kept);
  }

  /** Most blobs are small. */
  #grow(): void {
    const wanted = this.#length + this.#rest.length <= PIECE ? PIECE : CHUNK;
    const grown = Buffer.allocUnsafeSlow(wanted);
    this.#held.copy(grown, 0, 0, this.#length);
    this.#held = grown;
  }
}
