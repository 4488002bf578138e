import { holdsBlock } from './blocks.ts';
import { decode } from './decode.ts';
import type { Fingerprints, Kind } from './fingerprints.ts';
import { Grams, IDENTIFIER_WORDS, LEAST_IN_IDENTIFIER, LEAST_IN_ROW, NUMBERS, WORDS } from './grams.ts';
import { scanText } from './scan-text.ts';
import { holdsValues } from './scan-values.ts';

/** Pieces of the inputs that were found, by rule; `too-much` where more is packed in it than is looked through. */
export type Found = ReadonlySet<Kind | 'too-much'>;

/** base64 in gzip in base64 in JSON. */
const DEEPEST = 4;
/** A bit for each word of the longest thing that is made of words. */
const MOST_WORDS = (1 << WORDS) - 1;
/** Decoded bytes of one piece that are looked through. */
const MOST = 256 * 2 ** 20;

/** Looks for pieces of the inputs in bytes as they are, and in all that they decode to. */
export function search(fingerprints: Fingerprints, bytes: Buffer): Found {
  const found = new Set<Kind | 'too-much'>();
  if (fingerprints.size > 0) lookInto({ fingerprints, found, left: MOST }, bytes, 0);
  return found;
}

interface Look {
  readonly fingerprints: Fingerprints;
  readonly found: Set<Kind | 'too-much'>;
  left: number;
}

function lookInto(look: Look, bytes: Buffer, depth: number): void {
  const { fingerprints, found } = look;
  look.left -= bytes.length;
  if (look.left < 0) return void found.add('too-much');
  for (const kind of wordsAndNumbers(fingerprints, bytes)) found.add(kind);
  const isBinary = !isText(bytes);
  if (isBinary) {
    if (fingerprints.kinds.has('numbers') && holdsValues(fingerprints, bytes)) found.add('numbers');
    if (fingerprints.kinds.has('block') && holdsBlock(fingerprints, bytes)) found.add('block');
  }
  if (depth === DEEPEST) return;
  const { parts, tooMuch } = decode(bytes, { isPiece: depth > 0, isBinary });
  if (tooMuch) found.add('too-much');
  for (const part of parts) lookInto(look, part, depth + 1);
}

function wordsAndNumbers(fingerprints: Fingerprints, bytes: Buffer): Set<Kind> {
  const found = new Set<Kind>();
  const grams = new Grams();
  const { kinds, begins, beginsWords } = fingerprints;
  /** Of the last words, the latest lowest: which of them something may begin with. */
  let begun = 0;
  scanText(bytes, fingerprints.seeds, {
    countsDigits: false,
    word(low, high, length) {
      grams.word(low, high, length);
      begun = ((begun << 1) | Number(beginsWords.has(low))) & MOST_WORDS;
      if (begun === 0) return;
      if (kinds.has('identifier') && !found.has('identifier'))
        for (let count = 1; count <= IDENTIFIER_WORDS; count += 1) {
          if ((begun & (1 << (count - 1))) === 0 || grams.letters(count) < LEAST_IN_IDENTIFIER) continue;
          grams.hashWords(count);
          if (fingerprints.has('identifier', grams.low, grams.high)) found.add('identifier');
        }
      if ((begun & (1 << (WORDS - 1))) === 0 || !kinds.has('row') || found.has('row')) return;
      if (grams.letters(WORDS) < LEAST_IN_ROW) return;
      grams.hashWords(WORDS);
      if (fingerprints.has('row', grams.low, grams.high)) found.add('row');
    },
    number(bits, digits) {
      grams.number(bits, digits);
      if (found.has('numbers')) return;
      for (const count of NUMBERS) {
        if (grams.numbers < count || !begins.has(grams.firstOf(count))) continue;
        grams.hashNumbers(count);
        if (fingerprints.has('numbers', grams.low, grams.high)) found.add('numbers');
      }
    },
  });
  return found;
}

/** Tensors have control characters nearly always, and a text never. */
function isText(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] as number;
    if (byte < 32 && (byte < 9 || (byte > 13 && byte !== 27))) return false;
  }
  return true;
}
