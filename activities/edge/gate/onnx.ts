import type { ByteSource } from './byte-source.ts';
import type { Fault } from './finding.ts';

/** Fields of `ModelProto` by number, and how each is written: 0 a varint, 2 a length and bytes (onnx/onnx.proto). */
const FIELDS = new Map([
  ...[1, 5].map((field) => [field, 0] as const),
  ...[2, 3, 4, 6, 7, 8, 14, 20, 25, 26].map((field) => [field, 2] as const),
]);
const NEEDED = [1, 7, 8];

/** Undefined for a `ModelProto` of known fields, with a graph, to the file’s last byte. What is in the graph is not read. */
export async function onnxFault(source: ByteSource): Promise<Fault | undefined> {
  const seen = new Set<number>();
  for (let at = 0; at < source.bytes;) {
    const head = await source.read(at, 20);
    const tag = varint(head, 0);
    const value = tag && varint(head, tag.length);
    if (!tag || !value) return 'not-whole';
    const field = Math.floor(tag.value / 8);
    if (FIELDS.get(field) !== tag.value % 8) return seen.has(7) ? 'trailing-bytes' : 'not-whole';
    at += tag.length + value.length + (tag.value % 8 === 2 ? value.value : 0);
    if (at > source.bytes) return seen.has(7) ? 'trailing-bytes' : 'not-whole';
    seen.add(field);
  }
  return NEEDED.every((field) => seen.has(field)) ? undefined : 'not-whole';
}

function varint(bytes: Buffer, from: number): { value: number; length: number } | undefined {
  let value = 0;
  for (let length = 1; length <= 8; length += 1) {
    const byte = bytes[from + length - 1];
    if (byte === undefined) return undefined;
    value += (byte & 127) * 2 ** (7 * (length - 1));
    if (byte < 128) return { value, length };
  }
  return undefined;
}
