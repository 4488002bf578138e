import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

/**
 * Refuses a file whose content is not the one that this repository names.
 * @param {string} file
 * @param {string} expected `sha256-HEX` or `sha512-BASE64` (as npm writes it)
 */
export async function verify(file, expected) {
  const algorithm = expected.slice(0, expected.indexOf('-'));
  const hash = createHash(algorithm);
  await pipeline(createReadStream(file), hash);
  const actual = `${algorithm}-${hash.digest(algorithm === 'sha512' ? 'base64' : 'hex')}`;
  if (actual === expected) return;
  throw new Error(
    `${path.basename(file)} is not the file that edge-train names: expected ${expected}, got ${actual}. ` +
      'Nothing of it was installed; check the package registry or mirror that this machine uses.',
  );
}
