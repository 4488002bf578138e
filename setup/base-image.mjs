import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { debianSources } from './debian-sources.mjs';
import { run } from './process.mjs';

/**
 * A root file system as a tar file, for `docker import` or as the first layer of an image.
 *
 * @typedef {{ name: 'vm' | 'serving', why: string, variable: string, variant: string, packages: string[] }} BaseImage
 */

/** @type {BaseImage} */
export const vmImage = {
  name: 'vm',
  why: 'the Debian 12 that the sandbox boots as a VM (systemd, sshd, Python 3)',
  variable: 'EDGE_TRAIN_VM_IMAGE',
  variant: 'minbase',
  packages: [
    ...['systemd', 'systemd-sysv', 'dbus', 'openssh-server', 'sudo', 'iproute2'],
    ...['python3', 'python3-venv', 'ca-certificates', 'curl', 'libgomp1'],
  ],
};

/** @type {BaseImage} */
export const servingImage = {
  name: 'serving',
  why: 'the Debian 12 with Python 3.11 under every model image',
  variable: 'EDGE_TRAIN_SERVING_IMAGE',
  variant: 'essential',
  // libstdc++6 and libgomp1: what wheels of compiled packages (pandas, scikit-learn) link to and do not bring.
  packages: ['python3', 'ca-certificates', 'libgomp1', 'libstdc++6'],
};

const here = path.dirname(fileURLToPath(import.meta.url));
const suite = 'bookworm';
/** Every file time in the images is at most this (2026-01-01), so that the same packages give the same bytes. */
const epoch = '1767225600';
/** What no container needs; licences stay. */
const leftOut = ['/usr/share/man/*', '/usr/share/locale/*', '/usr/share/doc/*', '/usr/share/lintian/*'];

/**
 * The set-up part that makes `.tools/images/NAME.tar` and `NAME.tar.sha256`: exported from an image that the operator
 * names in the environment, otherwise made with mmdebstrap from this machine's own Debian sources.
 * @param {BaseImage} image
 * @returns {import('./part.mjs').Part}
 */
export function baseImage(image) {
  const named = process.env[image.variable];
  return {
    name: `images/${image.name}.tar`,
    why: image.why,
    from: named ? `image ${named} (${image.variable})` : 'mmdebstrap, with this machine’s apt sources',
    key: async () =>
      createHash('sha256')
        .update(named ?? (await recipe(image)))
        .digest('hex'),
    targets: [`images/${image.name}.tar`, `images/${image.name}.tar.sha256`],
    programs: named ? ['docker'] : ['mmdebstrap'],
    async install({ tools, scratch }) {
      const tar = path.join(scratch, `${image.name}.tar`);
      await (named ? exportImage(named, tar) : bootstrap(image, tar));
      const target = path.join(tools, 'images', `${image.name}.tar`);
      await mkdir(path.dirname(target), { recursive: true });
      await writeFile(`${tar}.sha256`, `${await sha256(tar)}  ${image.name}.tar\n`);
      await rename(tar, target);
      await rename(`${tar}.sha256`, `${target}.sha256`);
    },
  };
}

/** @param {BaseImage} image all that decides its content, but for the packages' versions */
async function recipe(image) {
  const hooks = await Promise.all([image.name, 'finish'].map((name) => readFile(hook(name), 'utf8')));
  return JSON.stringify([image, suite, epoch, leftOut, hooks]);
}

/** @param {BaseImage} image @param {string} tar */
async function bootstrap(image, tar) {
  const sources = await debianSources(suite);
  const work = await workFolder(image);
  const args = [
    ...['--mode=root', '--format=tar', `--variant=${image.variant}`, `--include=${image.packages.join(',')}`],
    ...leftOut.map((glob) => `--dpkgopt=path-exclude=${glob}`),
    '--dpkgopt=path-include=/usr/share/doc/*/copyright',
    ...[image.name, 'finish'].map((name) => `--customize-hook=sh '${hook(name)}' "$1"`),
    ...[suite, tar],
  ];
  await run('mmdebstrap', sources ? [...args, '-'] : args, {
    input: sources,
    env: { ...process.env, TMPDIR: work, SOURCE_DATE_EPOCH: epoch, LC_ALL: 'C.UTF-8' },
  });
  await rm(work, { recursive: true });
}

/**
 * Where mmdebstrap works: under the system's temporary folder, since apt's own user must be able to enter it, and by a
 * name that stays, so that what a killed set-up left goes now. (Its mounts were in a namespace of its own.)
 * @param {BaseImage} image
 */
async function workFolder(image) {
  const clone = createHash('sha256').update(here).digest('hex').slice(0, 12);
  const folder = path.join(tmpdir(), `edge-train-${image.name}-${clone}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o755 });
  return folder;
}

/** @param {string} name @param {string} tar */
async function exportImage(name, tar) {
  await run('docker', ['pull', name]);
  const id = (await run('docker', ['create', name, '/sbin/init'])).trim();
  try {
    await run('docker', ['export', '--output', tar, id]);
  } finally {
    await run('docker', ['rm', id]);
  }
}

/** @param {string} name */
function hook(name) {
  return path.join(here, 'base-image', `${name}.sh`);
}

/** @param {string} file */
async function sha256(file) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
