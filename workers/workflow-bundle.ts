import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';

const ROOT = path.join(import.meta.dirname, '..');
const CACHE = path.join(ROOT, '.tools/workflow-bundles');

/**
 * The workflows as one script for the worker's isolates. Bundling takes one to two seconds, so the script is kept by
 * the digest of all that goes into it: the sources of `workflows/` and `domain/`, and the locked packages. `encrypted`: for a
 * worker with a payload codec.
 */
export async function bundleWorkflows({ encrypted = false } = {}): Promise<{ code: string }> {
  const kept = path.join(CACHE, `${await sourceDigest()}${encrypted ? '-encrypted' : ''}.js`);
  const known = await readFile(kept, 'utf8').catch(() => undefined);
  if (known !== undefined) return { code: known };
  const { code } = await bundleWorkflowCode({
    workflowsPath: path.join(ROOT, 'workflows/index.ts'),
    ...(encrypted ? ENCRYPTED : {}),
    logger: SILENT,
  });
  await keep(kept, code);
  return { code };
}

const ENCRYPTED = {
  failureConverterPath: path.join(ROOT, 'workflows/failure-converter.ts'),
  workflowInterceptorModules: [path.join(ROOT, 'workflows/refuse-plaintext.ts')],
};

async function sourceDigest(): Promise<string> {
  const hash = createHash('sha256').update(process.versions.node);
  for (const file of await sources())
    hash
      .update(file)
      .update('\0')
      .update(await readFile(path.join(ROOT, file)));
  return hash.digest('hex').slice(0, 32);
}

async function sources(): Promise<string[]> {
  const rooms = ['workflows', 'domain'];
  const files = await Promise.all(
    rooms.map(async (room) => (await readdir(path.join(ROOT, room))).map((file) => path.join(room, file))),
  );
  return [
    'package-lock.json',
    ...files
      .flat()
      .filter((file) => file.endsWith('.ts'))
      .sort(),
  ];
}

/** By rename, so that two workers that start at once both find a whole one. A cache that cannot be written is none. */
async function keep(file: string, code: string): Promise<void> {
  try {
    await mkdir(CACHE, { recursive: true });
    const draft = `${file}.${process.pid}`;
    await writeFile(draft, code);
    await rename(draft, file);
  } catch {
    // Read-only installation: bundled anew at each start.
  }
}

const quiet = () => {};
const SILENT = { log: quiet, trace: quiet, debug: quiet, info: quiet, warn: quiet, error: console.error };
