import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { docker, inspect, stateLabel } from '../docker.ts';
import type { MachinesConfig } from './config.ts';

const repository = 'edge-train-sandbox/vm';
const trustScript = readFileSync(join(import.meta.dirname, 'agent', 'trust.py'), 'utf8');

/**
 * The image that VMs of this sandbox boot from: the imported root file system (once a hash) and, on top, the certificates
 * that a Stack Hub operator's marketplace image would trust. Idempotent; returns its name.
 */
export async function ensureImage(config: MachinesConfig): Promise<string> {
  const bundle = config.trust
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  const digest = createHash('sha256').update(`${config.image.sha256}\n${trustScript}\n${bundle}`).digest('hex');
  const image = `${repository}:${config.image.sha256.slice(0, 12)}-${config.stateId}-${digest.slice(0, 12)}`;
  if (await inspect(config.docker, 'image', image)) return image;
  const base = await ensureBaseImage(config);
  const container = `edge-train-${config.stateId}-image-${process.pid}`;
  const label = stateLabel(config.stateDirectory);
  try {
    const command = ['python3', '-I', '-c', trustScript];
    const create = ['create', '-i', '--name', container, '--label', label, '--network', 'none', base, ...command];
    await docker(config.docker, create);
    await docker(config.docker, ['start', '-ai', container], { input: bundle });
    await docker(config.docker, ['commit', '-c', 'CMD ["/sbin/init"]', '-c', `LABEL ${label}`, container, image]);
  } finally {
    await docker(config.docker, ['rm', '-f', '-v', container]).catch(() => {});
  }
  return image;
}

/** Shared by the sandboxes of a daemon; enough for what only needs a root file system. */
export async function ensureBaseImage(config: Pick<MachinesConfig, 'docker' | 'image'>): Promise<string> {
  const base = `${repository}:${config.image.sha256.slice(0, 12)}`;
  if (await inspect(config.docker, 'image', base)) return base;
  if (!existsSync(config.image.tar)) {
    throw new Error(`the VM's root file system ${config.image.tar} is missing; \`npm run setup\` makes it`);
  }
  await docker(config.docker, ['import', config.image.tar, base], { deadline: 600_000 });
  return base;
}

/** Removes this sandbox's image, and the base unless another sandbox's is made of it (or `keepBase`). Absent is fine. */
export async function removeImages(
  config: Pick<MachinesConfig, 'docker' | 'stateId'>,
  keepBase: boolean,
): Promise<void> {
  const list = await docker(config.docker, ['image', 'ls', '--format', '{{.Tag}}', repository]);
  const tags = list.split('\n').filter(Boolean);
  const mine = tags.filter((tag) => tag.split('-')[1] === config.stateId);
  for (const tag of mine) await docker(config.docker, ['image', 'rm', '-f', `${repository}:${tag}`]);
  const left = tags.filter((tag) => !mine.includes(tag));
  const unused = left.filter((tag) => !tag.includes('-') && !left.some((other) => other.startsWith(`${tag}-`)));
  if (!keepBase)
    for (const tag of unused) await docker(config.docker, ['image', 'rm', `${repository}:${tag}`]).catch(() => {});
}
