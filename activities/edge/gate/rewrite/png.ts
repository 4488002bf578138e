import { crc32, deflateSync, inflateSync } from 'node:zlib';
import type { ByteSource } from '../byte-source.ts';
import { PNG } from '../png.ts';
import type { Rewriter } from './new-file.ts';

/** What a picture is made of beside its head and points, and how long it may be; the rest tells of it (PNG, third edition, 11). */
const LONGEST: Readonly<Record<string, number>> = { PLTE: 768, tRNS: 256 };
const INDEXED = 3;
/** Unpacked, in memory. */
const LARGEST = 128 * 2 ** 20;

/** The points of a picture, packed anew: no text, no time, nothing behind the last point. */
export const rewritePng: Rewriter = async (source) => {
  const kept: Chunk[] = [];
  const packed: Buffer[] = [];
  let head: Buffer | undefined;
  for await (const { type, content } of chunks(source)) {
    if (type === 'IHDR') head = content;
    if (type === 'IDAT') packed.push(content);
    if (type === 'IHDR' || (type in LONGEST && !(type === 'PLTE' && head?.[9] !== INDEXED)))
      kept.push({ type, content });
  }
  // A second palette is no one's, nor is a palette of more than 256 colours.
  if (new Set(kept.map(({ type }) => type)).size !== kept.length) return undefined;
  if (kept.some(({ type, content }) => content.length > (LONGEST[type] ?? 13))) return undefined;
  const bytes = head && pointBytes(head);
  if (bytes === undefined || bytes > LARGEST) return undefined;
  const points = unpacked(Buffer.concat(packed), bytes);
  if (!points) return undefined;
  const parts = [
    PNG,
    ...kept.map(chunk),
    ...[
      { type: 'IDAT', content: deflateSync(points, { level: 9 }) },
      { type: 'IEND', content: Buffer.alloc(0) },
    ].map(chunk),
  ];
  return (async function* () {
    yield* parts;
  })();
};

interface Chunk {
  readonly type: string;
  readonly content: Buffer;
}

async function* chunks(source: ByteSource): AsyncGenerator<Chunk> {
  for (let at = 8; at < source.bytes;) {
    const head = await source.read(at, 8);
    const length = head.readUInt32BE(0);
    const type = head.toString('latin1', 4, 8);
    yield { type, content: Buffer.from(await source.read(at + 8, length)) };
    at += 12 + length;
  }
}

/** Exactly so many bytes, of exactly one stream. */
function unpacked(packed: Buffer, bytes: number): Buffer | undefined {
  try {
    const options = { maxOutputLength: bytes, info: true } as const;
    const { buffer, engine } = inflateSync(packed, options) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    return buffer.length === bytes && engine.bytesWritten === packed.length ? buffer : undefined;
  } catch {
    return undefined;
  }
}

const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
/** Adam7: where each pass begins, and its steps. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** How many bytes the points are, with a filter's number before each row. */
function pointBytes(head: Buffer): number | undefined {
  if (head.length !== 13) return undefined;
  const [width, height, depth, channels] = [
    head.readUInt32BE(0),
    head.readUInt32BE(4),
    head[8] ?? 0,
    CHANNELS[head[9] ?? 1],
  ];
  if (channels === undefined) return undefined;
  const rows = (columns: number, lines: number) =>
    columns === 0 ? 0 : lines * (1 + Math.ceil((columns * depth * channels) / 8));
  if (head[12] === 0) return rows(width, height);
  return PASSES.map(([x, y, dx, dy]) =>
    rows(Math.ceil(Math.max(0, width - x) / dx), Math.ceil(Math.max(0, height - y) / dy)),
  ).reduce((sum, each) => sum + each, 0);
}

function chunk({ type, content }: Chunk): Buffer {
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  length.writeUInt32BE(content.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
