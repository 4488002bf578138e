import { deflateSync, deflateRawSync, gzipSync } from 'node:zlib';

/** The forms in which a text may lie somewhere, by name. */
export function disguises(text: string): Map<string, Buffer> {
  const plain = Buffer.from(text);
  const base64 = (bytes: Buffer) => Buffer.from(bytes.toString('base64'));
  const wrapped = (bytes: Buffer) => bytes.toString('base64').replace(/.{76}/g, '$&\n');
  const behind = (count: number) => Buffer.concat([Buffer.alloc(count, 'x'), plain, Buffer.from('yy')]);
  return new Map([
    ['plain', plain],
    ...[0, 1, 2].map((count) => [`base64, ${count} bytes in`, base64(behind(count))] as const),
    ['base64url', Buffer.from(Buffer.concat([Buffer.from([0xfb, 0xff, 0xfe]), plain]).toString('base64url'))],
    ['base64 in wrapped lines', Buffer.from(wrapped(Buffer.from(`some words before, ${text}, and more after`)))],
    ['base64 in wrapped lines in JSON', Buffer.from(JSON.stringify({ value: wrapped(Buffer.from(`before ${text}`)) }))],
    ['hex', Buffer.from(plain.toString('hex'))],
    ['HEX', Buffer.from(plain.toString('hex').toUpperCase())],
    ['gzip', gzipSync(plain)],
    ['zlib', deflateSync(plain)],
    ['zip', zip(plain)],
    ['gzip in base64', base64(gzipSync(plain))],
    ['gzip in hex', Buffer.from(gzipSync(plain).toString('hex'))],
    ['raw deflate in base64', base64(deflateRawSync(plain))],
    ['base64 in base64', base64(base64(plain))],
    ['a file in a tar', tar(plain)],
    ['gzip in base64 in a file in a tar in gzip', gzipSync(tar(base64(gzipSync(plain))))],
  ]);
}

/** The head of a zip file's only entry, and its content (APPNOTE.TXT, 4.3.7). */
function zip(content: Buffer): Buffer {
  const name = Buffer.from('file');
  const head = Buffer.alloc(30);
  head.write('PK\x03\x04', 'latin1');
  head.writeUInt16LE(8, 8);
  head.writeUInt16LE(name.length, 26);
  return Buffer.concat([head, name, deflateRawSync(content)]);
}

/** One file as tar has it: its content begins and ends at a block of 512 bytes. */
function tar(content: Buffer): Buffer {
  const head = Buffer.alloc(512);
  head.write('file');
  head.write('ustar', 257);
  return Buffer.concat([head, content, Buffer.alloc(512 - (content.length % 512))]);
}
