import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { bundleEdgeCode } from './edge-code.ts';
import { memberDigest, tarEnd, tarMember, type BundleFile } from './tar-member.ts';

export interface Bundle {
  /** SHA-256 of the archive; names the VM's queue and its worker's unit. */
  readonly digest: string;
  readonly path: string;
  readonly bytes: number;
}

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const compress = promisify(gzip);

/**
 * What is installed on a VM, as one reproducible tar.gz `<digest>.tar.gz` in `outDir`: Node, the edge worker in one file
 * with its platform's native core, uv, and the cage. Same content, same digest. Members are compressed each by itself
 * (RFC 1952 allows several) and kept, so that a changed line of code costs no second compression of Node.
 */
export async function buildBundle({ outDir }: { outDir: string }): Promise<Bundle> {
  const parts = join(outDir, 'parts');
  await mkdir(parts, { recursive: true });
  const files = await bundleFiles();
  const members = await Promise.all(files.map((file) => compressed(parts, file)));
  members.push(await compress(tarEnd(), GZIP));
  const archive = Buffer.concat(members);
  const digest = createHash('sha256').update(archive).digest('hex');
  const path = join(outDir, `${digest}.tar.gz`);
  const there = await stat(path).catch(() => undefined);
  if (there?.size !== archive.length) await publish(path, archive);
  return { digest, path, bytes: archive.length };
}

const GZIP = { level: constants.Z_DEFAULT_COMPRESSION };

async function bundleFiles(): Promise<BundleFile[]> {
  const program = async (name: string, path: string) => ({ name, mode: 0o755, content: await readFile(path) });
  const text = async (name: string) => ({ name, mode: 0o644, content: await readFile(join(here, name)) });
  const inFolder = async (folder: string) => {
    const names = (await readdir(join(here, folder)))
      .filter((name) => /\.(py|ts|service|socket|slice)$/.test(name))
      .sort();
    return await Promise.all(names.map((name) => text(`${folder}/${name}`)));
  };
  // The installer comes first, so that it can be taken out without reading the rest.
  return [
    await text('install.py'),
    await text('prove.py'),
    ...(await inFolder('cage')),
    ...(await inFolder('units')),
    { ...(await text('tracking/requirements.txt')), name: 'tracking.txt' },
    { name: 'worker.cjs', mode: 0o644, content: await bundleEdgeCode() },
    {
      name: 'failure-converter.cjs',
      mode: 0o644,
      content: await bundleEdgeCode('workflows/failure-converter.ts'),
    },
    { name: 'index.node', mode: 0o644, content: await readFile(nativeCore()) },
    await program('uv', join(root, '.tools', 'uv')),
    await program('node', join(root, '.tools', 'node', 'bin', 'node')),
  ];
}

/** Of the five platforms that the package holds, the one that Node here and on the VM runs on. */
function nativeCore(): string {
  const target = { x64: 'x86_64-unknown-linux-gnu', arm64: 'aarch64-unknown-linux-gnu' }[process.arch as string];
  if (!target || process.platform !== 'linux') throw new Error(`no bundle for ${process.platform}-${process.arch}`);
  const require = createRequire(import.meta.url);
  const worker = createRequire(require.resolve('@temporalio/worker'));
  return join(dirname(worker.resolve('@temporalio/core-bridge/package.json')), 'releases', target, 'index.node');
}

async function compressed(parts: string, file: BundleFile): Promise<Uint8Array> {
  const path = join(parts, `${memberDigest(file)}-zlib${process.versions.zlib}.gz`);
  const kept = await readFile(path).catch(() => undefined);
  if (kept) return kept;
  const member = await compress(tarMember(file), GZIP);
  await publish(path, member);
  return member;
}

async function publish(path: string, content: Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.${Date.now()}`;
  try {
    await writeFile(temporary, content, { flag: 'wx' });
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
