import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import {
  BlobServiceClient,
  newPipeline,
  StorageSharedKeyCredential,
  type ContainerClient,
  type StoragePipelineOptions,
} from '@azure/storage-blob';
import { statePaths, type SandboxState } from './state.ts';

/** A file or a folder to be in a container of the site's account. */
export interface Seed {
  container: string;
  path: string;
}

/** `CONTAINER=PATH`. Throws on anything else, and when PATH is absent. */
export function parseSeed(text: string): Seed {
  const at = text.indexOf('=');
  const [container, path] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1 || path === '' || !/^[a-z0-9](?:-?[a-z0-9]){2,62}$/.test(container)) {
    throw new Error(
      `--seed ${text}: give CONTAINER=PATH, with a container name of 3 to 63 characters of a-z, 0-9 and single -`,
    );
  }
  if (!statSync(path, { throwIfNoEntry: false })) throw new Error(`--seed ${text}: ${path} does not exist`);
  return { container, path };
}

/** Uploads what is not there with the same content; removes nothing. Returns a line that says what was done. */
export async function seed(
  directory: string,
  { ports, accounts }: SandboxState,
  { container, path }: Seed,
): Promise<string> {
  const { name, key } = accounts.site;
  const credential = new StorageSharedKeyCredential(name, key);
  const options: StoragePipelineOptions & { tlsOptions: { ca: string } } = {
    tlsOptions: { ca: readFileSync(statePaths(directory).ca, 'utf8') },
  };
  const url = `https://127.0.0.1:${ports.azurite}/${name}`;
  const service = new BlobServiceClient(url, newPipeline(credential, options));
  const client = service.getContainerClient(container);
  await client.createIfNotExists();
  let uploaded = 0;
  const files = filesBelow(path);
  for (const file of files) if (await upload(client, file, blobName(path, file))) uploaded += 1;
  if (files.length === 0) return `container ${container} is there`;
  const of = files.length === 1 ? '1 file' : `${files.length} files`;
  return `container ${container} is seeded with ${of} of ${path}, ${uploaded === 0 ? 'as before' : `${uploaded} new`}`;
}

async function upload(client: ContainerClient, file: string, name: string): Promise<boolean> {
  const blob = client.getBlockBlobClient(name);
  const sha256 = await digest(file);
  if ((await blob.exists()) && (await blob.getProperties()).metadata?.sha256 === sha256) return false;
  await blob.uploadFile(file, { metadata: { sha256 } });
  return true;
}

function filesBelow(path: string): string[] {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function blobName(root: string, file: string): string {
  return root === file ? basename(file) : relative(root, file);
}

async function digest(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
