import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SEARCH_ATTRIBUTE } from '../../domain/search-attributes.ts';
import { sha256 } from '../../services/signing.ts';
import { failed, refused } from '../command-error.ts';
import { clientYml, temporalToml } from './client-yml.ts';
import { cloudYml } from './cloud-yml.ts';
import { writeConfiguration } from './configuration.ts';
import { ensureKeys, type DemoKeys } from './keys.ts';
import { patiently } from './patiently.ts';
import { prepareCloud } from './prepare-cloud.ts';
import { SandboxInfo } from './sandbox-info.ts';
import { sandboxProgram } from './sandbox-program.ts';
import { siteYml } from './site-yml.ts';
import { ROOT, type StatePaths } from './state-paths.ts';
import { prepareSite } from './prepare-site.ts';
import { findWorker, startWorker, stopWorker } from './worker-process.ts';
import { waitForWorker } from './worker-ready.ts';
import { writePrivate } from './write-private.ts';

/**
 * Brings up Azure, Temporal and the worker from whatever state they are in, and writes their files. What is up and as it
 * should be is left alone.
 */
export async function startSandbox(
  paths: StatePaths,
  say: (text: string) => void,
  { codec = false } = {},
): Promise<SandboxInfo> {
  if (codec) refuseLateEncryption(paths);
  mkdirSync(paths.folder, { recursive: true, mode: 0o700 });
  const info = await startPrograms(paths, say);
  await writeFiles(paths, info, ensureKeys(paths, codec), say);
  await ensureWorker(paths, info, say);
  return info;
}

/** A sandbox that began in plaintext has histories that `required` would refuse. @throws CommandError exit 2 */
function refuseLateEncryption({ site, keys }: StatePaths): void {
  if (!existsSync(site) || existsSync(join(keys, 'payload-key'))) return;
  const fault = { path: '--codec', rule: 'is for a new sandbox: in this one there are runs in plaintext' };
  throw refused('The sandbox cannot begin to encrypt now.', [fault], 'Run edge-train sandbox reset first.');
}

async function startPrograms(paths: StatePaths, say: (text: string) => void): Promise<SandboxInfo> {
  const { data, runs } = seeds(paths);
  const seeded = ['--seed', `hospital=${data}`, '--seed', `edge-train-runs=${runs}`];
  const known = Object.values(SEARCH_ATTRIBUTE).flatMap((name) => ['--search-attribute', `${name}=Keyword`]);
  const printed = await sandboxProgram(['start', '--state', paths.sandbox, ...seeded, ...known], say);
  return SandboxInfo.parse(JSON.parse(printed));
}

/** The hospital's data as it lies in its storage, and an empty container for what runs leave. */
function seeds(paths: StatePaths): { data: string; runs: string } {
  const [data, runs] = [join(paths.seed, 'hospital'), join(paths.seed, 'runs')];
  mkdirSync(join(data, 'breast-cancer'), { recursive: true, mode: 0o700 });
  mkdirSync(runs, { recursive: true, mode: 0o700 });
  const source = join(ROOT, 'examples', 'breast-cancer', 'data', 'wdbc.csv');
  copyFileSync(source, join(data, 'breast-cancer', 'wdbc.csv'));
  return { data, runs };
}

async function writeFiles(
  paths: StatePaths,
  info: SandboxInfo,
  keys: DemoKeys,
  say: (text: string) => void,
): Promise<void> {
  const packageIndex = info.packageIndex?.url;
  if (packageIndex === undefined) {
    throw failed({
      class: 'host',
      type: 'NoPackageIndex',
      cause: 'This machine’s pip names no package index, and VMs need one for their environments.',
      nextStep: 'Set PIP_INDEX_URL or pip’s configuration, and run the command again.',
    });
  }
  const [{ codeSas, base }, { runsSas }] = await Promise.all([
    patiently(() => prepareCloud(info)),
    patiently(() => prepareSite(info)),
  ]);
  const sasFiles = { code: join(paths.keys, 'code-sas'), runs: join(paths.keys, 'runs-sas') };
  writePrivate(sasFiles.code, codeSas);
  writePrivate(sasFiles.runs, runsSas);
  const schema = (name: string) => join(ROOT, 'schemas', `${name}.schema.json`);
  const files = new Map([
    [paths.site, siteYml(info, keys, packageIndex, schema('site'))],
    [paths.cloud, cloudYml({ info, keys, base, packageIndex, schema: schema('cloud') })],
    [paths.client, clientYml({ info, keys, sasFiles, schema: schema('client') })],
    [paths.temporal, temporalToml(info)],
  ]);
  writeConfiguration(files, paths.written, say);
}

/** A worker of other files than these is replaced; a run does not notice. */
async function ensureWorker(paths: StatePaths, info: SandboxInfo, say: (text: string) => void): Promise<void> {
  const texts = [paths.site, paths.cloud, paths.temporal].map((file) => readFileSync(file, 'utf8'));
  const configuration = sha256(texts.join('\0'));
  const running = findWorker(paths);
  if (running?.configuration === configuration) return waitForWorker(running, info, paths);
  if (running) await stopWorker(paths);
  say('starts the worker (roles cloud and site)');
  await waitForWorker(startWorker(paths, configuration, info.caFile), info, paths);
}
