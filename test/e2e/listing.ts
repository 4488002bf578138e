import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BlobServiceClient } from '@azure/storage-blob';
import { docker, vmContainers } from './product.ts';
import type { Audit, Runs } from './runs.ts';

/** Everything that a run could leave anywhere, one line a thing, asked of the services and of the VMs themselves. */
export async function listing({ audit, product }: Runs): Promise<Set<string>> {
  const found = await Promise.all([
    stackHub(audit),
    machineLearning(audit),
    blobs('site', audit.siteBlobs()),
    blobs('release', audit.releaseBlobs()),
    registry(audit),
    machines(product),
  ]);
  const sessions = uploads(join(product.folder, 'sandbox', 'registry', 'data'));
  return new Set([...found.flat(), ...sessions].sort());
}

/** What is only in one of two listings: `+ …` came, `- …` went. */
export function changes(before: ReadonlySet<string>, now: ReadonlySet<string>): string[] {
  return [
    ...[...before].filter((line) => !now.has(line)).map((line) => `- ${line}`),
    ...[...now].filter((line) => !before.has(line)).map((line) => `+ ${line}`),
  ].sort();
}

interface Ids {
  readonly value: { readonly id: string }[];
}

async function stackHub(audit: Audit): Promise<string[]> {
  const lists = ['/resourcegroups?api-version=2019-10-01', '/resources?api-version=2019-10-01'];
  const found = await Promise.all(lists.map(async (path) => (await audit.stackHub('GET', path)) as Ids));
  return found.flatMap(({ value }) => value.map(({ id }) => `stack-hub ${id.toLowerCase()}`));
}

async function machineLearning(audit: Audit): Promise<string[]> {
  const names = async (path: string) =>
    ((await audit.workspace(`/${path}?api-version=2022-10-01`)) as { value: { name: string }[] }).value.map(
      ({ name }) => `${path}/${name}`,
    );
  const containers = [...(await names('models')), ...(await names('codes'))];
  const versions = await Promise.all(containers.map((path) => names(`${path}/versions`)));
  const found = [...(await names('computes')), ...(await names('datastores')), ...containers, ...versions.flat()];
  const runs = (await audit.runs()).map(({ info: { run_id, status } }) => `run ${run_id} ${status}`);
  return [...found, ...runs].map((line) => `azure-ml ${line}`);
}

async function blobs(account: string, service: BlobServiceClient): Promise<string[]> {
  const found: string[] = [];
  for await (const container of service.listContainers()) {
    for await (const blob of service.getContainerClient(container.name).listBlobsFlat({ includeUncommitedBlobs: true }))
      found.push(`${account}-blob ${container.name}/${blob.name}`);
  }
  return found;
}

async function registry(audit: Audit): Promise<string[]> {
  const { repositories } = (await audit.acr('/_catalog', 'registry:catalog:*')) as { repositories: string[] | null };
  const found = await Promise.all(
    (repositories ?? []).map(async (repository) => {
      const path = `/${encodeURIComponent(repository)}/_manifests`;
      const { manifests } = (await audit.acr(path, `repository:${repository}:metadata_read`)) as {
        manifests: { digest: string; tags?: string[] }[];
      };
      return manifests.map(({ digest, tags = [] }) => `registry ${repository}@${digest} ${tags.join(',')}`);
    }),
  );
  return found.flat();
}

/** Sessions of uploads that were begun and neither finished nor given up. */
function uploads(data: string): string[] {
  return readdirSync(data, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\/_uploads\/[^/]+$/.test(path))
    .map((path) => `registry upload ${path}`);
}

/** Of every VM: units, processes and folders of jobs, and what it caches by content. */
async function machines(product: Runs['product']): Promise<string[]> {
  const names = await vmContainers(product, '--all');
  const look = [
    "systemctl list-units --all --plain --no-legend 'edge-train-job@*' | sed 's/^/unit /'",
    "grep -ls 'edge-train-job@' /proc/[0-9]*/cgroup | sed 's/^/process /'",
    'ls -d /var/lib/edge-train/jobs/* /run/systemd/system/edge-train-job@* 2>/dev/null',
    'ls -d /var/lib/edge-train/cache/*/* /var/lib/edge-train/environments/* 2>/dev/null',
    'true',
  ].join('; ');
  const found = await Promise.all(
    names.map(async (name) => {
      const lines = (await docker(product.info, 'exec', name, 'sh', '-c', look)).split('\n').filter(Boolean);
      return ['', ...lines.map((line) => ` ${line}`)].map((line) => `vm ${name}${line}`);
    }),
  );
  return found.flat();
}
