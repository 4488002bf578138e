import { join } from 'node:path';
import type { Reason } from '../../../domain/verdict.ts';
import { jobFolder, openRegular, walk, type OutputFile } from '../output-files.ts';
import { fileSource } from './byte-source.ts';
import { Fingerprints } from './search/fingerprints.ts';
import { readInput } from './search/read-input.ts';
import { search, type Found } from './search/search.ts';

/** What of the inputs the table holds well; of more than that, each so many’th row is looked for. */
const ALL_ROWS = 80 * 2 ** 20;
/** One piece of a file at a time, and what it shares with the next. */
const PIECE = 8 * 2 ** 20;
const SHARED = 2 ** 16;

/** Fingerprints of a job’s inputs as they lie on the VM. `beat` is called between two files and two pieces. */
export async function fingerprintInputs(home: string, job: string, beat: () => void): Promise<Fingerprints> {
  const fingerprints = new Fingerprints();
  const { files } = await walk(join(jobFolder(home, job), 'inputs'));
  const every = Math.max(1, Math.ceil(files.reduce((sum, { bytes }) => sum + bytes, 0) / ALL_ROWS));
  for (const { absolute } of files) await readInput(fingerprints, absolute, every, beat);
  return fingerprints.seal();
}

/** Why a file may not leave: what of the inputs is in it, or in its name. */
export async function searchFile(file: OutputFile, fingerprints: Fingerprints, beat: () => void): Promise<Reason[]> {
  const found = new Set(search(fingerprints, Buffer.from(file.path)));
  const handle = await openRegular(file.absolute);
  try {
    const { size } = await handle.stat();
    const source = fileSource(handle, size);
    for (let at = 0; at < size; at += PIECE) {
      for (const rule of search(fingerprints, await source.read(at, PIECE + SHARED))) found.add(rule);
      beat();
    }
  } finally {
    await handle.close();
  }
  return [...found].map((rule) => RULES[rule]);
}

const RULES: Readonly<Record<Found extends ReadonlySet<infer Rule extends string> ? Rule : never, Reason>> = {
  identifier: 'identifier-of-input',
  row: 'row-of-input',
  numbers: 'numbers-of-input',
  block: 'piece-of-input',
  'too-much': 'packed-too-much',
};
