import { verdictOf, type Verdict } from '../../../domain/verdict.ts';
import { openRegular, type OutputFile } from '../output-files.ts';
import { fileSource } from './byte-source.ts';
import { examine } from './examine.ts';

/** A file that a job left: what its folder says of it (a second name, holes), and what its content does. */
export async function examineFile({ path, absolute }: OutputFile): Promise<Verdict> {
  const file = await openRegular(absolute);
  try {
    const { size, blocks, nlink } = await file.stat();
    if (nlink > 1) return verdictOf(path, 'unknown', ['not-a-plain-file']);
    if (size > LEAST_SPARSE && blocks * 512 < size / 2) return verdictOf(path, 'unknown', ['sparse']);
    return await examine(path, fileSource(file, size));
  } finally {
    await file.close();
  }
}

/** Below it, file systems keep content beside the inode, and count no block. */
const LEAST_SPARSE = 2 ** 20;
