/** One file of a layer. Everything else that a tar could say (times, owners, order) is fixed, so bytes depend on these only. */
export interface TarFile {
  /** Relative, with `/`. */
  readonly path: string;
  readonly bytes: number;
  readonly executable?: boolean;
  /** Must give exactly `bytes`. */
  readonly open: () => AsyncIterable<Buffer>;
}

const BLOCK = 512;

/**
 * A reproducible tar (POSIX.1-2001 pax, ustar where it suffices): the files in code-unit order of their paths, each
 * parent folder before its first file, time 0, owner 0, modes 0755 and 0644.
 */
export async function* writeTar(files: readonly TarFile[]): AsyncIterable<Buffer> {
  const made = new Set<string>();
  for (const file of [...files].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))) {
    for (const folder of parentsOf(file.path)) {
      if (made.has(folder)) continue;
      made.add(folder);
      yield header(`${folder}/`, 0, 0o755, '5');
    }
    yield header(file.path, file.bytes, file.executable ? 0o755 : 0o644, '0');
    let seen = 0;
    for await (const chunk of file.open()) {
      seen += chunk.length;
      if (seen > file.bytes) break;
      yield chunk;
    }
    if (seen !== file.bytes)
      throw new Error(`${file.path} has ${seen} bytes or more, and ${file.bytes} were announced`);
    yield padding(file.bytes);
  }
  yield Buffer.alloc(2 * BLOCK);
}

function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).join('/'));
}

/** A ustar header, after a pax one where the path or the size does not fit. */
function header(path: string, size: number, mode: number, type: '0' | '5'): Buffer {
  const records: string[] = [];
  const place = splitPath(path);
  if (!place) records.push(paxRecord('path', path));
  if (size > MAX_OCTAL) records.push(paxRecord('size', String(size)));
  const own = ustar(place ?? { name: cut(path), prefix: '' }, size > MAX_OCTAL ? 0 : size, mode, type);
  if (records.length === 0) return own;
  const body = Buffer.from(records.join(''));
  return Buffer.concat([
    ustar({ name: 'PaxHeader', prefix: '' }, body.length, 0o644, 'x'),
    body,
    padding(body.length),
    own,
  ]);
}

const MAX_OCTAL = 0o77777777777;

function ustar(place: { name: string; prefix: string }, size: number, mode: number, type: '0' | '5' | 'x'): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
  block.write(place.name, 0, 'utf8');
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write('        ', 148, 'latin1');
  block.write(type, 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  octal(0, 329, 8);
  octal(0, 337, 8);
  block.write(place.prefix, 345, 'utf8');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** ustar has 100 bytes for the name and 155 for what stands before a slash; undefined where that does not do. */
function splitPath(path: string): { name: string; prefix: string } | undefined {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: '' };
  for (let slash = path.lastIndexOf('/', path.length - 2); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)];
    if (Buffer.byteLength(name) > 100) return undefined;
    if (Buffer.byteLength(prefix) <= 155) return { name, prefix };
  }
  return undefined;
}

/** `LENGTH key=value\n`, where LENGTH counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

const cut = (path: string): string =>
  Buffer.from(path)
    .subarray(0, 90)
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, '_');

function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}
