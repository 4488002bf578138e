import { createWriteStream } from 'node:fs';
import { mkdir, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Format, Verdict } from '../../domain/verdict.ts';
import { fileSource } from './gate/byte-source.ts';
import { rewrite } from './gate/rewrite/rewrite.ts';
import { jobFolder, openRegular, type OutputFile } from './output-files.ts';

/** Where the file is that leaves: beside the outputs, which stay as they are, or among them. */
export function leavingPath(
  home: string,
  job: string,
  outputs: string,
  { path, form }: Pick<Verdict, 'path' | 'form'>,
) {
  return form?.written === 'anew' ? join(jobFolder(home, job), 'spec', 'release', path) : join(outputs, path);
}

/**
 * Writes a file anew, as its format has it, to where it leaves from; the same file again is the same bytes. Undefined where it
 * is not one whole file of that format.
 */
export async function writeAnew(
  home: string,
  job: string,
  { path, absolute }: Pick<OutputFile, 'path' | 'absolute'>,
  format: Format,
): Promise<OutputFile | undefined> {
  const target = leavingPath(home, job, '', { path, form: { written: 'anew', before: 0 } });
  const file = await openRegular(absolute);
  try {
    const chunks = await rewrite(format, fileSource(file, (await file.stat()).size));
    if (!chunks) return undefined;
    await mkdir(dirname(target), { recursive: true });
    await pipeline(Readable.from(chunks), createWriteStream(`${target}.new`));
  } finally {
    await file.close();
  }
  await rename(`${target}.new`, target);
  return { path, absolute: target, bytes: (await stat(target)).size };
}
