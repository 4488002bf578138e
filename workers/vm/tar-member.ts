import { createHash } from 'node:crypto';

/** A file of the bundle: `mode` is 0o755 or 0o644. */
export interface BundleFile {
  readonly name: string;
  readonly mode: number;
  readonly content: Uint8Array;
}

const BLOCK = 512;

/** The file as it stands in a ustar archive (POSIX.1-1988): header, content, padding. No time, no owner: same file, same bytes. */
export function tarMember({ name, mode, content }: BundleFile): Uint8Array {
  const header = Buffer.alloc(BLOCK);
  if (Buffer.byteLength(name) > 100) throw new Error(`${name} is too long a name for a ustar header`);
  header.write(name, 0);
  header.write(octal(mode, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(content.length, 12), 124);
  header.write(octal(0, 12), 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\0' + '00', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
  return Buffer.concat([header, content, padding]);
}

/** Two empty blocks end an archive. */
export const tarEnd = (): Uint8Array => Buffer.alloc(2 * BLOCK);

/** What a member's compressed form is kept under. */
export function memberDigest({ name, mode, content }: BundleFile): string {
  return createHash('sha256').update(`${name}\n${mode}\n`).update(content).digest('hex');
}

const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;
