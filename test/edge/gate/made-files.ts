import { crc32, deflateSync, deflateRawSync } from 'node:zlib';

/** A zip file as Python’s zipfile writes it; `gap` stands between its members and its directory, `described` behind each member. */
export function zip(
  members: Readonly<Record<string, Buffer>>,
  { comment = '', gap = Buffer.alloc(0), packed = false, described = false }: ZipOptions = {},
): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, content] of Object.entries(members)) {
    const data = packed ? deflateRawSync(content) : content;
    const same = Buffer.alloc(26);
    same.writeUInt16LE(20, 0);
    same.writeUInt16LE(packed ? 8 : 0, 4);
    same.writeUInt32LE(crc32(content), 10);
    same.writeUInt32LE(data.length, 14);
    same.writeUInt32LE(content.length, 18);
    same.writeUInt16LE(name.length, 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(at, 10);
    const descriptor = described
      ? Buffer.concat([Buffer.from('PK\x07\x08', 'latin1'), same.subarray(10, 22)])
      : gapless;
    parts.push(Buffer.from('PK\x03\x04', 'latin1'), same, Buffer.from(name), data, descriptor);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), same, rest, Buffer.from(name));
    at += 30 + name.length + data.length + descriptor.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(Object.keys(members).length, 8);
  end.writeUInt16LE(Object.keys(members).length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(at + gap.length, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...parts, gap, list, end, Buffer.from(comment)]);
}

interface ZipOptions {
  readonly comment?: string;
  readonly gap?: Buffer;
  readonly packed?: boolean;
  readonly described?: boolean;
}

const gapless = Buffer.alloc(0);

/** A picture of one grey point, with a chunk of another type where one is asked for. */
export function picture(extra?: string, text = 'P-000001,M,17.99'): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(1, 0);
  head.writeUInt32BE(1, 4);
  head[8] = 8;
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', head),
    ...(extra === undefined ? [] : [chunk(extra, Buffer.from(text))]),
    chunk('IDAT', deflateSync(Buffer.from([0, 128]))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, content: Buffer): Buffer {
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  const body = Buffer.concat([Buffer.from(type), content]);
  length.writeUInt32BE(content.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
