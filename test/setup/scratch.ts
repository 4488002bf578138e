import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';

export const root = path.resolve(import.meta.dirname, '../..');

/** A folder that goes when the test file ends. */
export function scratchFolder(): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'edge-train-setup-')));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
