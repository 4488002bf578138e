import { rename, writeFile } from 'node:fs/promises';

/** Writes a file so that whoever reads it finds all of the text or none of it; again is harmless. */
export async function writeWhole(path: string, text: string | Uint8Array): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}
