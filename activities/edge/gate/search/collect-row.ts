import { identifierHash, Grams, NUMBERS, WORDS } from './grams.ts';
import type { Fingerprints } from './fingerprints.ts';
import { scanText } from './scan-text.ts';

/** Fingerprints of one row: its words six by six, and its numbers four by four and eight by eight. */
export function collectRow(fingerprints: Fingerprints, row: Uint8Array): void {
  const grams = new Grams();
  scanText(row, fingerprints.seeds, {
    countsDigits: true,
    word(low, high, length) {
      grams.word(low, high, length);
      if (grams.words % WORDS !== 0 || !grams.tellsWords()) return;
      grams.hashWords(WORDS);
      fingerprints.add('row', grams.low, grams.high, grams.firstWordOf(WORDS));
    },
    number(bits, digits) {
      grams.number(bits, digits);
      for (const count of NUMBERS) if (grams.numbers % count === 0) addNumbers(fingerprints, grams, count);
    },
  });
}

/** Fingerprints of a column, four rows by four: the order in which tables and many arrays are kept in memory. */
export class CollectColumns {
  readonly #fingerprints: Fingerprints;
  readonly #columns: Grams[] = [];
  #rows = 0;

  constructor(fingerprints: Fingerprints) {
    this.#fingerprints = fingerprints;
  }

  row(cells: readonly Uint8Array[]): void {
    this.#rows += 1;
    cells.slice(0, 1000).forEach((cell, index) => {
      const column = (this.#columns[index] ??= new Grams());
      let known = false;
      scanText(cell, this.#fingerprints.seeds, {
        countsDigits: true,
        word: () => undefined,
        number: (bits, digits) => {
          if (!known) column.number(bits, digits);
          known = true;
        },
      });
      if (known && this.#rows % 4 === 0) addNumbers(this.#fingerprints, column, 4);
    });
  }
}

/** A cell of a column of identifiers. */
export function collectIdentifier(fingerprints: Fingerprints, cell: Uint8Array): void {
  const hash = identifierHash(cell, fingerprints.seeds);
  if (hash) fingerprints.add('identifier', ...hash);
}

function addNumbers(fingerprints: Fingerprints, grams: Grams, count: number): void {
  if (!grams.tellsNumbers(count)) return;
  grams.hashNumbers(count);
  fingerprints.add('numbers', grams.low, grams.high, grams.firstOf(count));
}
