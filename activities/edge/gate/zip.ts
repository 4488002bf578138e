import { crc32, inflateRawSync } from 'node:zlib';
import { memorySource, type ByteSource } from './byte-source.ts';

export interface ZipMember {
  readonly name: string;
  readonly bytes: number;
  /** What is packed, unpacked; undefined where it is too large or broken. */
  open(): Promise<ByteSource | undefined>;
}

/** An unpacked member is held in memory. */
const LARGEST_MEMBER = 128 * 2 ** 20;
const MOST_MEMBERS = 10_000;

/**
 * The members of a zip file that is nothing else: from its first byte to its last, one after the other, without gaps,
 * comments, encryption or a second directory (APPNOTE.TXT 6.3.10, 4.3). Undefined for any other.
 */
export async function readZip(source: ByteSource): Promise<ZipMember[] | undefined> {
  const end = await source.read(source.bytes - 22, 22);
  if (end.length < 22 || end.readUInt32LE(0) !== 0x06054b50 || end.readUInt16LE(20) !== 0) return undefined;
  const [count, length, from] = [end.readUInt16LE(10), end.readUInt32LE(12), end.readUInt32LE(16)];
  if (count > MOST_MEMBERS || from + length + 22 !== source.bytes) return undefined;
  const entries = readDirectory(await source.read(from, length), count);
  if (!entries) return undefined;
  const members: ZipMember[] = [];
  let at = 0;
  let before: Entry | undefined;
  for (const entry of entries.sort((a, b) => a.offset - b.offset)) {
    const head = await source.read(entry.offset, 30);
    if (head.length < 30 || head.readUInt32LE(0) !== 0x04034b50) return undefined;
    const data = entry.offset + 30 + head.readUInt16LE(26) + head.readUInt16LE(28);
    const name = (await source.read(entry.offset + 30, head.readUInt16LE(26))).toString('utf8');
    if (name !== entry.name || !(await isDescriptor(source, at, entry.offset, before))) return undefined;
    at = data + entry.packed;
    before = entry;
    members.push({ name, bytes: entry.bytes, open: () => open(source, entry, data) });
  }
  const names = new Set(members.map(({ name }) => name));
  return (await isDescriptor(source, at, from, before)) && names.size === members.length ? members : undefined;
}

/** What may stand behind a member: nothing, or its data descriptor (4.3.9), with or without a mark, in 4 or 8 bytes a size. */
async function isDescriptor(source: ByteSource, from: number, to: number, entry: Entry | undefined): Promise<boolean> {
  if (from === to) return true;
  if (!entry || ![12, 16, 20, 24].includes(to - from)) return false;
  const given = await source.read(from, to - from);
  const wide = given.length >= 20;
  const wanted = Buffer.alloc(wide ? 20 : 12);
  wanted.writeUInt32LE(entry.crc, 0);
  wanted.writeUInt32LE(entry.packed, 4);
  wanted.writeUInt32LE(entry.bytes, wide ? 12 : 8);
  const mark = given.length === wanted.length ? [] : [Buffer.from('PK\x07\x08', 'latin1')];
  return given.equals(Buffer.concat([...mark, wanted]));
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly bytes: number;
  readonly offset: number;
}

function readDirectory(directory: Buffer, count: number): Entry[] | undefined {
  const entries: Entry[] = [];
  let at = 0;
  while (at + 46 <= directory.length && directory.readUInt32LE(at) === 0x02014b50) {
    const [name, extra, comment] = [28, 30, 32].map((field) => directory.readUInt16LE(at + field)) as [
      number,
      number,
      number,
    ];
    const method = directory.readUInt16LE(at + 10);
    if ((directory.readUInt16LE(at + 8) & 1) === 1 || comment > 0 || (method !== 0 && method !== 8)) return undefined;
    entries.push({
      name: directory.toString('utf8', at + 46, at + 46 + name),
      method,
      crc: directory.readUInt32LE(at + 16),
      packed: directory.readUInt32LE(at + 20),
      bytes: directory.readUInt32LE(at + 24),
      offset: directory.readUInt32LE(at + 42),
    });
    at += 46 + name + extra;
  }
  return at === directory.length && entries.length === count ? entries : undefined;
}

async function open(source: ByteSource, entry: Entry, data: number): Promise<ByteSource | undefined> {
  if (entry.bytes > LARGEST_MEMBER || entry.packed > LARGEST_MEMBER) return undefined;
  const packed = await source.read(data, entry.packed);
  const content = entry.method === 0 ? packed : inflated(packed, entry.bytes);
  return content?.length === entry.bytes && crc32(content) === entry.crc ? memorySource(content) : undefined;
}

function inflated(packed: Buffer, bytes: number): Buffer | undefined {
  try {
    const { buffer, engine } = inflateRawSync(packed, {
      maxOutputLength: Math.max(1, bytes),
      info: true,
    }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    return engine.bytesWritten === packed.length ? buffer : undefined;
  } catch {
    return undefined;
  }
}
