import { crc32 } from 'node:zlib';
import { readZip, type ZipMember } from '../zip.ts';
import { plainJson } from './json.ts';
import type { Rewriter } from './new-file.ts';
import { plainArray } from './npy.ts';

/** A zip file’s limit without its 64-bit form. */
const LARGEST = 2 ** 32 - 1;

/** A skops file with its members sorted, as they are written anew, and not packed: no times, no extra fields, no comments. */
export const rewriteSkops: Rewriter = async (source) => {
  const members = await readZip(source);
  if (!members || members.reduce((sum, { bytes }) => sum + bytes + 200, 0) > LARGEST) return undefined;
  const schema = await members.find(({ name }) => name === 'schema.json')?.open();
  if (!schema || !plainText(await schema.read(0, schema.bytes))) return undefined; // a name twice
  return zipOf(members.sort((a, b) => (a.name < b.name ? -1 : 1)));
};

async function* zipOf(members: readonly ZipMember[]): AsyncGenerator<Buffer> {
  const directory: Buffer[] = [];
  let at = 0;
  for (const member of members) {
    const content = await plainMember(member);
    const name = Buffer.from(member.name);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(33, 8); // the first of January 1980, the least that a zip file can say
    fields.writeUInt32LE(crc32(content), 10);
    fields.writeUInt32LE(content.length, 14);
    fields.writeUInt32LE(content.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(at, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), fields, place, name);
    const head = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), fields, name]);
    yield head;
    yield content;
    at += head.length + content.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(at, 16);
  yield list;
  yield end;
}

async function plainMember(member: ZipMember): Promise<Buffer> {
  const source = await member.open();
  const content = source && (await source.read(0, source.bytes));
  const made = content && (member.name.endsWith('.npy') ? await plainArray(content) : plainText(content));
  if (!made) throw new TypeError('a member that was examined is not what it was');
  return made;
}

function plainText(content: Buffer): Buffer | undefined {
  const made = plainJson(content.toString('utf8'));
  return made && Buffer.concat([...made]);
}
