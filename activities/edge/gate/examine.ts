import { verdictOf, type Format, type Reason, type Verdict } from '../../../domain/verdict.ts';
import type { ByteSource } from './byte-source.ts';
import { joblibSeen, looksCompressed } from './magic.ts';
import { formatsByName, holdsExample } from './name.ts';
import { lightgbmFault } from './lightgbm.ts';
import { onnxFault } from './onnx.ts';
import { pickleEnd } from './pickle.ts';
import { PNG, pngFault } from './png.ts';
import { looksLikeSafetensors, safetensorsFault } from './safetensors.ts';
import { jsonFault, pythonFault, requirementsFault, yamlFault } from './text.ts';
import { storesRows } from './stores-rows.ts';
import { xgboostFault } from './ubjson.ts';
import { zipModel } from './zip-model.ts';

/** What a file is, by its content and its name; whether it may leave is the site’s policy’s to say (`domain/release.ts`). */
export async function examine(path: string, source: ByteSource): Promise<Verdict> {
  const allowed = formatsByName(path);
  const { format, reasons } = await recognise(source, allowed);
  const name: Reason[] =
    format !== 'unknown' && !allowed.includes(format)
      ? [allowed.length === 0 ? 'unknown-format' : 'name-and-content-differ']
      : [];
  const example: Reason[] = format === 'json' && holdsExample(path) ? ['example-rows'] : [];
  const stored: Reason[] = OBJECTS.has(format) && (await storesRows(source)) ? ['stores-rows'] : [];
  return verdictOf(path, format, [...reasons, ...name, ...example, ...stored]);
}

/** Formats in which objects are kept by the names of their classes. */
const OBJECTS = new Set<Format>(['pickle', 'joblib', 'torch', 'skops', 'onnx']);

interface Recognised {
  readonly format: Format;
  readonly reasons: readonly Reason[];
}

const unknown = (...reasons: Reason[]): Recognised => ({ format: 'unknown', reasons });

async function recognise(source: ByteSource, allowed: readonly Format[]): Promise<Recognised> {
  if (source.bytes === 0) return { format: 'empty', reasons: [] };
  const head = await source.read(0, 16);
  const binary = await recogniseByContent(source, head);
  if (binary) return binary;
  for (const [format, faultOf] of BY_NAME) {
    if (!allowed.includes(format)) continue;
    const fault = await faultOf(source);
    return { format, reasons: fault ? [fault] : [] };
  }
  return unknown(allowed.length === 0 ? 'unknown-format' : 'name-and-content-differ');
}

/** What cannot be taken for something else, whatever it is called. */
async function recogniseByContent(source: ByteSource, head: Buffer): Promise<Recognised | undefined> {
  const withFault = (format: Format, fault: Reason | undefined) => ({ format, reasons: fault ? [fault] : [] });
  if (head.subarray(0, 8).equals(PNG)) return withFault('png', await pngFault(source));
  if (head.toString('latin1', 0, 2) === 'PK') {
    const format = await zipModel(source);
    if (!format) return unknown('archive');
    return { format, reasons: format === 'torch' ? ['pickle'] : [] };
  }
  const pickled = await recognisePickle(source, head);
  if (pickled) return pickled;
  if (await looksCompressed(source, head)) return unknown('archive');
  if (await looksLikeSafetensors(source)) return withFault('safetensors', await safetensorsFault(source));
  return undefined;
}

async function recognisePickle(source: ByteSource, head: Buffer): Promise<Recognised | undefined> {
  const end = await pickleEnd(source);
  const isMarked = head[0] === 0x80 && (head[1] ?? 0) >= 2 && (head[1] ?? 9) <= 5;
  if (end === undefined && !isMarked) return undefined;
  if (end === source.bytes) return { format: 'pickle', reasons: ['pickle'] };
  // joblib lays arrays between the opcodes, where the walk cannot follow.
  if (await joblibSeen(source)) return { format: 'joblib', reasons: ['pickle'] };
  return { format: 'pickle', reasons: ['pickle', end === undefined ? 'not-whole' : 'trailing-bytes'] };
}

/** What only the name says: each is held to its grammar. */
const BY_NAME = [
  ['json', jsonFault],
  ['yaml', yamlFault],
  ['requirements', requirementsFault],
  ['python', pythonFault],
  ['onnx', onnxFault],
  ['lightgbm', lightgbmFault],
  ['xgboost', xgboostFault],
] as const;
