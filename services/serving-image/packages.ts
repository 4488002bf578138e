import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceError } from '../errors.ts';
import { writeTar } from '../oci-image/tar.ts';
import { installLock, lockRequirements, type PackageTool, type PythonPlatform } from '../python-environment.ts';
import type { BlobSource } from '../container-registry/blobs.ts';
import { environmentFiles, PACKAGES } from './environment-layer.ts';

/** What serves, pinned: version 1.5.1 is what the serving base and score.py were tried with. */
export const INFERENCE_SERVER = 'azureml-inference-server-http==1.5.1';

export interface PackageRequest {
  /** The model's own. */
  readonly requirements: readonly string[];
  /** `name==version` of the environment that it was trained in: a model is served by what it was trained with. */
  readonly trainedWith: readonly string[];
  readonly target: PythonPlatform;
}

/** Names a set of requirements: the same key has the same lock for ever. */
export function packagesKey({ requirements, trainedWith, target }: PackageRequest): string {
  const sorted = (list: readonly string[]) => [...list].sort();
  return sha256(JSON.stringify([1, INFERENCE_SERVER, sorted(requirements), sorted(trainedWith), target]));
}

/**
 * Every package's exact version and hashes. The training environment's versions bind; where the server's own needs
 * contradict them, only those of the packages that the model names do.
 */
export async function lockPackages(tool: PackageTool, request: PackageRequest): Promise<string> {
  const requirements = [INFERENCE_SERVER, ...request.requirements].join('\n');
  const exact = request.trainedWith.filter((pin) => /^[A-Za-z0-9][\w.-]*==[\w.+!-]+$/.test(pin));
  const named = new Set(request.requirements.map(projectName));
  return inFolder(async (folder) => {
    const directory = { write: (name: string, content: string) => written(join(folder, name), content) };
    const lock = (constraints: readonly string[]) =>
      lockRequirements(
        tool,
        { requirements: `${requirements}\n`, constraints: `${constraints.join('\n')}\n`, target: request.target },
        directory,
      );
    try {
      return await lock(exact);
    } catch (error) {
      if (!(error instanceof ServiceError) || error.type !== 'EnvironmentUnsolvable') throw error;
      return await lock(exact.filter((pin) => named.has(projectName(pin))));
    }
  });
}

/** Runs `use` with the environment layer's bytes; the folder behind them lives as long. */
export async function withPackages<T>(
  tool: PackageTool,
  { lock, target }: { lock: string; target: PythonPlatform },
  use: (source: BlobSource) => Promise<T>,
): Promise<T> {
  return inFolder(async (folder) => {
    const packages = join(folder, 'packages');
    const lockFile = await written(join(folder, 'requirements.txt'), lock);
    await installLock(tool, { lockFile, folder: packages, target });
    const content = Buffer.from(lock);
    const files = [
      ...(await environmentFiles(packages)),
      { path: `${PACKAGES}.lock`, bytes: content.length, open: () => yieldOnce(content) },
    ];
    return use(() => writeTar(files));
  });
}

/** PEP 503: one spelling a project. */
const projectName = (requirement: string): string =>
  (/^[A-Za-z0-9][\w.-]*/.exec(requirement)?.[0] ?? '').toLowerCase().replace(/[-_.]+/g, '-');

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'edge-train-image-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function written(path: string, content: string): Promise<string> {
  await writeFile(path, content);
  return path;
}

async function* yieldOnce(content: Buffer): AsyncIterable<Buffer> {
  yield content;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
