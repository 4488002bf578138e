import type { DataInput } from '../../../domain/command-job.ts';
import { parseDataAddress, type DataReference } from '../../../domain/data-reference.ts';
import type { SiteFile } from '../../../domain/site-file.ts';
import type { TrainModelInput } from '../../../domain/train-model-input.ts';
import type { PlannedBlob, PlannedInput } from '../../../domain/training-plan.ts';
import { shown, type Issue } from '../../../domain/validation.ts';
import { findBlob, listBlobs, type BlobContainer } from '../../../services/blob-storage.ts';
import { ServiceError } from '../../../services/errors.ts';
import type { SiteSession } from '../site-session.ts';

/** An input that is there, with the blobs that it is made of now. */
export interface PlannedData {
  readonly input: PlannedInput;
  readonly blobs: readonly PlannedBlob[];
}

/** What one plan lists at most: its file is read whole. */
const MAX_FILES = 100_000;

/** Finds every data input of the job on site. Issues name the input and STORE/path; what can be found is, all the same. */
export async function findData(
  session: SiteSession,
  input: TrainModelInput,
): Promise<{ inputs: PlannedData[]; issues: Issue[] }> {
  const inputs: PlannedData[] = [];
  const issues: Issue[] = [];
  for (const [name, value] of Object.entries(input.job.inputs ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (typeof value !== 'object') continue;
    const found = await findInput(session, name, value, input.data[name]);
    if ('rule' in found) issues.push(found);
    else inputs.push(found);
  }
  return { inputs, issues };
}

async function findInput(
  session: SiteSession,
  name: string,
  value: DataInput,
  override: DataReference | undefined,
): Promise<PlannedData | Issue> {
  const path = `job.inputs.${name}`;
  const data = locateInput(session.site, name, value, override);
  if ('rule' in data) return data;
  const where = `${data.store}/${data.path}`;
  const container = await openStore(session, data);
  const blobs = await listInput(container, data, value.type).catch((error: unknown) => {
    if (error instanceof ServiceError && error.type === 'NotFound') return 'absent' as const;
    throw error;
  });
  if (blobs === 'absent')
    return { path, rule: `the data store ${data.store} names a container that is not there`, value: shown(where) };
  if ('rule' in blobs) return { path, rule: blobs.rule, value: shown(where) };
  const bytes = blobs.found.reduce((sum, blob) => sum + blob.bytes, 0);
  const type = isOneFile(blobs.found, data) ? 'uri_file' : value.type;
  return { input: { name, type, data, files: blobs.found.length, bytes }, blobs: blobs.found };
}

/** In Azure ML a `custom_model` is a folder or one file; the plan says which. */
const isOneFile = (blobs: readonly PlannedBlob[], { path }: DataReference): boolean => blobs[0]?.path === path;

/** Where an input is on site: what the training says, else what the job file names (a data store's path, or an asset). */
export function locateInput(
  site: Pick<SiteFile, 'dataStores' | 'dataAssets'>,
  name: string,
  value: DataInput,
  override: DataReference | undefined,
): DataReference | Issue {
  const path = override ? `data.${name}` : `job.inputs.${name}.path`;
  const address = override ? ({ kind: 'store', reference: override } as const) : parseDataAddress(value.path);
  if (!address)
    return {
      path,
      rule: `says nothing of where the data is on site; use --input ${name}=STORE/PATH`,
      value: shown(value.path),
    };
  const reference = address.kind === 'store' ? address.reference : findAsset(site, address.asset);
  if (!reference)
    return {
      path,
      rule: `is no data asset of this site; dataAssets of site.yml has ${list(site.dataAssets)}`,
      value: shown(value.path),
    };
  if (Object.hasOwn(site.dataStores, reference.store)) return reference;
  return {
    path,
    rule: `is in no data store of this site; it has ${list(site.dataStores)}`,
    value: shown(reference.store),
  };
}

/** By its whole name; the newest (`@latest`, or no version) also by its bare name. A stated version is never guessed. */
function findAsset(site: Pick<SiteFile, 'dataAssets'>, asset: string): DataReference | undefined {
  const candidates = [asset, asset.replace(/@latest$/, ''), `${asset}@latest`];
  const name = candidates.find((each) => Object.hasOwn(site.dataAssets, each));
  return name === undefined ? undefined : site.dataAssets[name];
}

async function openStore(session: SiteSession, { store }: DataReference): Promise<BlobContainer> {
  const { account, container } = session.site.dataStores[store] ?? { account: '', container: '' };
  return (await session.account(account)).container(container);
}

async function listInput(
  container: BlobContainer,
  { path }: DataReference,
  type: DataInput['type'],
): Promise<{ found: PlannedBlob[] } | { rule: string }> {
  if (type === 'uri_file') {
    const blob = await findBlob(container, path);
    if (blob) return { found: [blob] };
    const folder = await firstBelow(container, path);
    return { rule: folder ? 'is a folder here, and the job says uri_file' : 'is not there: the site has no such file' };
  }
  const found: PlannedBlob[] = [];
  for await (const blob of listBlobs(container, `${path}/`)) {
    if (blob.path.endsWith('/') && blob.bytes === 0) continue; // a folder's marker, as Storage Explorer makes them
    if (!isFilePath(blob.path))
      return {
        rule: 'holds a blob whose name cannot be a file’s (an empty part, . or .., a backslash, a control character)',
      };
    found.push(blob);
    if (found.length > MAX_FILES) return { rule: `holds more than ${MAX_FILES} files, and one run takes that many` };
  }
  if (found.length > 0) return fileAndFolder(found) ?? { found };
  const file = await findBlob(container, path);
  if (file && type === 'custom_model') return { found: [file] };
  return { rule: file ? `is a file here, and the job says ${type}` : 'is not there: the site has no such folder' };
}

async function firstBelow(container: BlobContainer, path: string): Promise<boolean> {
  for await (const _ of listBlobs(container, `${path}/`)) return true;
  return false;
}

/** In blob storage `a` and `a/b` can both be; on a disk they cannot. */
function fileAndFolder(blobs: readonly PlannedBlob[]): { rule: string } | undefined {
  const names = new Set(blobs.map(({ path }) => path));
  const clash = blobs.some(({ path }) => {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1))
      if (names.has(path.slice(0, at))) return true;
    return false;
  });
  return clash ? { rule: 'holds a blob that is a file and a folder at once' } : undefined;
}

function isFilePath(path: string): boolean {
  if (/[\p{Cc}\\]/u.test(path)) return false;
  return path
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..' && Buffer.byteLength(part) <= 255);
}

const list = (known: object): string => Object.keys(known).sort().join(', ') || 'none';
