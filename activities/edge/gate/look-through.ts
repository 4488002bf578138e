import { verdictOf, type Verdict } from '../../../domain/verdict.ts';
import { writeAnew } from '../leaving-file.ts';
import { openRegular, type OutputFile } from '../output-files.ts';
import { fileSource } from './byte-source.ts';
import { examineFile } from './examine-file.ts';
import { holdsExcess } from './excess.ts';
import { isRewritten } from './rewrite/rewrite.ts';
import { searchFile } from './search-file.ts';
import type { Fingerprints } from './search/fingerprints.ts';

/** A file as it would leave, and what the gate makes of it. */
export interface Leaving {
  readonly file: OutputFile;
  readonly verdict: Verdict;
}

/**
 * Recognises a file that a job left, writes it anew where its format allows that, and looks for the job’s inputs in what would
 * leave. What is refused is not written.
 */
export async function lookThrough(
  home: string,
  job: string,
  file: OutputFile,
  fingerprints: Fingerprints,
  beat: () => void,
): Promise<Leaving> {
  const { path, format, verdict, reasons } = await examineFile(file);
  if (verdict === 'refuse' || !isRewritten(format)) {
    const found = await searchFile(file, fingerprints, beat);
    const form = isRewritten(format) ? undefined : ({ written: 'as it was' } as const);
    return { file, verdict: verdictOf(path, format, [...reasons, ...found], form) };
  }
  const anew = await writeAnew(home, job, file, format);
  if (!anew) return { file, verdict: verdictOf(path, format, [...reasons, 'not-whole']) };
  beat();
  const again = await examineFile(anew);
  const found = await searchFile(anew, fingerprints, beat);
  const excess = (await isExcessive(anew, format)) ? (['more-than-parameters'] as const) : [];
  const all = [...reasons, ...again.reasons, ...found, ...excess];
  return { file: anew, verdict: verdictOf(path, again.format, all, { written: 'anew', before: file.bytes }) };
}

async function isExcessive({ absolute, bytes }: OutputFile, format: Verdict['format']): Promise<boolean> {
  const file = await openRegular(absolute);
  try {
    return await holdsExcess(format, fileSource(file, bytes));
  } finally {
    await file.close();
  }
}
