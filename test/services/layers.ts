import { createHash } from 'node:crypto';

/** One entry of a tar as a test wants it, well-formed or not. */
export interface Member {
  readonly name: string;
  /** The type flag. Default: a file, or a folder where the name ends in a slash. */
  readonly flag?: string;
  readonly content?: string | Buffer;
  readonly link?: string;
  readonly mode?: number;
  readonly mtime?: number;
  /** A size other than the content's. */
  readonly size?: number;
}

/** A tar of these members, in their order, byte for byte as said: nothing is checked. */
export function tar(...members: readonly Member[]): Buffer {
  return Buffer.concat([...members.map(member), Buffer.alloc(1024)]);
}

export function member(entry: Member): Buffer {
  const content = Buffer.from(entry.content ?? '');
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  block.write(entry.name.slice(0, 100), 0, 'utf8');
  octal(entry.mode ?? 0o644, 100, 8);
  octal(1234, 108, 8);
  octal(1234, 116, 8);
  octal(entry.size ?? content.length, 124, 12);
  octal(entry.mtime ?? 1_600_000_000, 136, 12);
  block.write('        ', 148, 'latin1');
  block.write(entry.flag ?? (entry.name.endsWith('/') ? '5' : '0'), 156, 'latin1');
  block.write(entry.link ?? '', 157, 100, 'utf8');
  block.write('ustar\x0000', 257, 'latin1');
  octal(
    block.reduce((total, byte) => total + byte, 0),
    148,
    7,
  );
  return Buffer.concat([block, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

/** A pax header for the member that follows. */
export function pax(records: Readonly<Record<string, string>>): Member {
  const content = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.byteLength(` ${key}=${value}\n`);
    const length = rest + String(rest + String(rest).length).length;
    return `${length} ${key}=${value}\n`;
  });
  return { name: 'PaxHeader', flag: 'x', content: content.join('') };
}

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
