import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { canonicalManifest, DataReference, type DataFile } from '../../domain/data-reference.ts';
import { shown } from '../../domain/validation.ts';
import { sha256 } from '../../services/signing.ts';
import type { Fault } from '../command-error.ts';
import { SAMPLE_STORE } from '../sandbox/site-yml.ts';

/** Data on this machine that stands in for an input. */
export interface Sample {
  readonly input: string;
  /** Where it is to lie on the sandbox's site: named by its content. */
  readonly reference: DataReference;
  readonly files: readonly { readonly blob: string; readonly source: string }[];
  readonly bytes: number;
}

/** `NAME=PATH` each, PATH from the working folder. */
export function sampleFlags(given: readonly string[]): { paths: ReadonlyMap<string, string>; faults: Fault[] } {
  const paths = new Map<string, string>();
  const faults: Fault[] = [];
  for (const text of given) {
    const [, name = '', path = ''] = /^([A-Za-z_]\w{0,63})=(.+)$/s.exec(text) ?? [];
    if (name === '') faults.push({ path: '--sample', rule: 'must be NAME=PATH', value: shown(text) });
    else if (paths.has(name)) faults.push({ path: `--sample ${name}`, rule: 'is given twice' });
    else paths.set(name, resolve(path));
  }
  return { paths, faults };
}

/**
 * Reads a sample whole: a `uri_file` is one file, everything else a folder, or one file of a folder. The same content has
 * the same place on the site. Links are followed: it is the user's own data.
 */
export async function readSample(
  { name, type }: { name: string; type: string },
  path: string,
): Promise<Sample | { readonly rule: string }> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return { rule: 'is neither a file nor a folder of this machine' };
  if (found.isDirectory() && type === 'uri_file') return { rule: 'is a folder, and the input is a uri_file' };
  const sources = found.isDirectory() ? await filesBelow(path) : [path];
  if (sources.length === 0) return { rule: 'is a folder without a file' };
  const root = found.isDirectory() ? path : dirname(path);
  const files: { file: DataFile; source: string }[] = [];
  for (const source of sources) files.push(await described(name, root, source));
  const prefix = sha256(canonicalManifest(files.map(({ file }) => file))).slice(0, 20);
  const place = type === 'uri_file' ? `${prefix}/${basename(path)}` : prefix;
  const odd = files.find(
    ({ file }) => !DataReference.safeParse({ store: SAMPLE_STORE, path: `${prefix}/${file.path}` }).success,
  );
  if (odd) return { rule: `holds a file whose name no blob can have: ${shown(odd.file.path)}` };
  return {
    input: name,
    reference: { store: SAMPLE_STORE, path: place },
    files: files.map(({ file, source }) => ({ blob: `${prefix}/${file.path}`, source })),
    bytes: files.reduce((sum, { file }) => sum + file.bytes, 0),
  };
}

async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of (await readdir(folder, { recursive: true })).sort()) {
    const path = join(folder, entry);
    if ((await stat(path)).isFile()) found.push(path);
  }
  return found;
}

async function described(input: string, root: string, source: string): Promise<{ file: DataFile; source: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(createReadStream(source), async function (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  });
  const path = relative(root, source).split(sep).join('/');
  return { file: { input, path, bytes, sha256: hash.digest('hex') }, source };
}
