import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { sha256 } from '../../services/signing.ts';
import { writePrivate } from './write-private.ts';

/**
 * Writes configuration files. One that someone has changed since stays as it is, and is named; one that is as we wrote it
 * follows the sandbox, whose endpoints are others after a reset. `recordFile` knows every text that was ours.
 */
export function writeConfiguration(
  files: ReadonlyMap<string, string>,
  recordFile: string,
  say: (text: string) => void,
): void {
  const ours = readRecord(recordFile);
  const changed = [...files].filter(([file, content]) => {
    const present = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
    const edited = present !== undefined && present !== content && !ours[basename(file)]?.includes(sha256(present));
    if (edited) say(`${file} is kept as you changed it`);
    return !edited && present !== content;
  });
  for (const [file, content] of files) {
    const known = (ours[basename(file)] ??= []);
    if (!known.includes(sha256(content))) known.push(sha256(content));
  }
  // The record first: killed in between, what is there is known as ours all the same.
  writePrivate(recordFile, JSON.stringify(ours, null, 2));
  for (const [file, content] of changed) writePrivate(file, content);
}

function readRecord(file: string): Record<string, string[]> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, string[]>;
  } catch {
    return {};
  }
}
