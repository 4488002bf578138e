import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What the set-up brought, in `.tools` of the clone (`--tools DIR` names another folder). */
export interface Tools {
  folder: string;
  temporal: string;
  dockerRegistry: string;
  vmImage: { tar: string; sha256: string };
}

/** Throws, naming what is missing and how it comes here. */
export function findTools(folder: string): Tools {
  const temporal = required(join(folder, 'temporal'), 'the Temporal server');
  const dockerRegistry = required(onPath('docker-registry') ?? 'docker-registry', 'the OCI registry');
  const tar = required(join(folder, 'images', 'vm.tar'), "the VM's root file system");
  const sum = required(`${tar}.sha256`, "the digest of the VM's root file system");
  const sha256 = readFileSync(sum, 'utf8').trim().split(/\s+/)[0] ?? '';
  if (!/^[0-9a-f]{64}$/.test(sha256))
    throw new Error(`${sum} does not begin with a SHA-256 in hex; \`npm run setup\` writes it`);
  return { folder, temporal, dockerRegistry, vmImage: { tar, sha256 } };
}

function required(file: string, what: string): string {
  if (existsSync(file)) return file;
  throw new Error(`${what} (${file}) is missing; \`npm run setup\` brings it`);
}

function onPath(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/local/bin'];
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}
