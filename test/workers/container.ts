import { execFile } from 'node:child_process';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { readdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { ROOT, mounts, type Service } from './compose.ts';

const run = promisify(execFile);

/** @returns what the command wrote, both streams: a container's log comes on both. */
export async function docker(...args: string[]): Promise<string> {
  const { stdout, stderr } = await run('docker', args, { maxBuffer: 64 * 2 ** 20 });
  return `${stdout}${stderr}`.trim();
}

/** With whichever builder this client has. */
export async function build(context: string, tag: string, ...args: string[]): Promise<void> {
  await docker('build', '--quiet', '--force-rm', '--tag', tag, ...args, context);
}

/**
 * No public registry can be asked here, so what stands in for the public base image is made from what set-up brought: its
 * Debian, its Node, and this machine's npm with the certificates that it trusts.
 */
export async function buildBase(folder: string, tag: string): Promise<void> {
  const debian = `${tag}-debian`;
  await docker('import', path.join(ROOT, '.tools/images/serving.tar'), debian);
  const npm = path.dirname(path.dirname(realpathSync((await run('which', ['npm'])).stdout.trim())));
  const registry = (await run('npm', ['config', 'get', 'registry'])).stdout.trim();
  await mkdir(folder);
  await cp(path.join(ROOT, '.tools/node/bin/node'), path.join(folder, 'node'));
  await cp(npm, path.join(folder, 'npm'), { recursive: true, dereference: true });
  await cp(process.env['NODE_EXTRA_CA_CERTS'] ?? '/etc/ssl/certs/ca-certificates.crt', path.join(folder, 'ca.crt'));
  await writeFile(
    path.join(folder, 'Dockerfile'),
    `FROM ${debian}
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
COPY ca.crt /etc/ssl/certs/ca-certificates.crt
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt NPM_CONFIG_REGISTRY=${registry}
`,
  );
  await build(folder, tag);
  await docker('rmi', '--force', debian);
}

/** The image that uv is copied from: one file. */
export async function buildUv(folder: string, tag: string): Promise<void> {
  await mkdir(folder);
  await cp(path.join(ROOT, '.tools/uv'), path.join(folder, 'uv'));
  await writeFile(path.join(folder, 'Dockerfile'), 'FROM scratch\nCOPY uv /uv\n');
  await build(folder, tag);
}

/** The clone as someone works in it, with what must never get into an image. */
export async function copyClone(folder: string): Promise<void> {
  const left = new Set(['.git', '.tools', '.edge-train', 'node_modules', 'examples', 'test', 'bench']);
  for (const name of readdirSync(ROOT))
    if (!left.has(name)) await cp(path.join(ROOT, name), path.join(folder, name), { recursive: true });
  for (const file of PLANTED) {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
    await writeFile(path.join(folder, file), 'planted');
  }
}
const PLANTED = [
  ...['.edge-train/receipt-key.pem', '.env', '.npmrc.bak', 'compose/secrets/receipt-key', 'node_modules/own/index.js'],
  ...['workers/site.yml', 'workers/key.pem', 'services/.env', 'domain/id_ed25519'],
];

/** What Compose does with a service, as arguments of `docker run`. Secrets are files of `secrets`, volumes `PREFIX-NAME`. */
export function runArguments(service: Service, secrets: string, prefix: string): string[] {
  return [
    ...(service.init ? ['--init'] : []),
    ...(service.network_mode ? ['--network', service.network_mode.replace('service:', `container:${prefix}-`)] : []),
    ...(service.read_only ? ['--read-only'] : []),
    ...(service.cap_drop ?? []).flatMap((name) => ['--cap-drop', name]),
    ...(service.security_opt ?? []).flatMap((option) => ['--security-opt', option.replace(':true', '')]),
    ...mounts(service).flatMap(({ source, target, bind, mode }) => [
      ...['--volume', `${bind ? path.join(ROOT, source) : `${prefix}-${source}`}:${target}:${mode}`],
    ]),
    ...(service.secrets ?? []).flatMap((name) => [
      ...['--volume', `${path.join(secrets, name)}:/run/secrets/${name}:ro`],
    ]),
  ];
}
