import { compressed, rawDeflate, textRuns, type Decoded } from './encodings.ts';
import { SHORTEST, type Needles } from './needles.ts';

/** As deep as things are packed into one another: a layer in gzip, a file of it in gzip, base64 in that, gzip in that. */
const DEEPEST = 5;
/** Raw deflate has no mark to know it by, and trying is slow: it is looked for in what is no longer than this. */
const SMALL = 512 * 1024;

/** What was found, and how it was packed: `plain`, `base64`, `gzip in base64`. */
export interface Found {
  readonly name: string;
  readonly way: string;
}

/** Looks for needles in bytes, and in all that these hold encoded or compressed. 100 MB take a second. */
export function search(bytes: Buffer, needles: Needles): Found[] {
  const ways = new Map<string, string>();
  const small = bytes.length <= SMALL;
  const look = (part: Buffer, packing: readonly string[]) => {
    for (const name of needles.find(part)) if (!ways.has(name)) ways.set(name, packing.join(' in ') || 'plain');
    if (packing.length === DEEPEST) return;
    for (const { how, bytes: inner } of unpacked(part, small))
      if (inner.length >= SHORTEST) look(inner, [how, ...packing]);
  };
  look(bytes, []);
  return [...ways].map(([name, way]) => ({ name, way }));
}

function* unpacked(bytes: Buffer, small: boolean): Generator<Decoded> {
  yield* compressed(bytes);
  if (small) yield* rawDeflate(bytes);
  yield* textRuns(bytes, SHORTEST);
}
