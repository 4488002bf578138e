import { z } from 'zod';
import { Identifier, Sha256 } from './resource-names.ts';

/** Where data is on its site, never its bytes: a data store of `site.yml` and a blob path (or prefix) in its container. */
export const DataReference = z.strictObject({
  store: Identifier.describe('One of the site’s `dataStores`.'),
  path: z
    .string()
    .min(1)
    .max(880)
    .refine(isBlobPath, 'a blob path is relative, without .., \\ or control characters')
    .describe('A blob, or a prefix of blobs, in its container.'),
});
export type DataReference = z.infer<typeof DataReference>;

/** What travels of a DataManifest; the manifest itself stays on site, since file names can be patients. */
export const DataDigest = z.strictObject({ rootDigest: Sha256, files: z.int().min(0), bytes: z.int().min(0) });
export type DataDigest = z.infer<typeof DataDigest>;

/** One file of a manifest. `path` is relative to the input's folder. */
export interface DataFile {
  readonly input: string;
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * The text whose SHA-256 is the root digest: one line a file, `sha256 bytes input/path`, in code-unit order of the
 * last field, each line ended by \n. Paths are JSON strings, so that a newline in a name cannot forge a line.
 */
export function canonicalManifest(files: readonly DataFile[]): string {
  const key = (file: DataFile) => `${file.input}/${file.path}`;
  return [...files]
    .sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0))
    .map((file) => `${file.sha256} ${file.bytes} ${JSON.stringify(key(file))}\n`)
    .join('');
}

/** How Azure ML's job files name data: a datastore's path, or a registered asset, here always `NAME[:VERSION|@LABEL]`. */
export type DataAddress =
  { readonly kind: 'store'; readonly reference: DataReference } | { readonly kind: 'asset'; readonly asset: string };

/** Reads an input's `path`. Undefined for anything else: a URL or a local path says nothing of where data is on site. */
export function parseDataAddress(path: string): DataAddress | undefined {
  const inStore =
    /^azureml:\/\/(?:subscriptions\/[^/]+\/resourcegroups\/[^/]+\/workspaces\/[^/]+\/)?datastores\/([^/]+)\/paths\/(.+)$/i.exec(
      path,
    );
  if (inStore) {
    const reference = DataReference.safeParse({ store: inStore[1], path: inStore[2]?.replace(/\/+$/, '') });
    return reference.success ? { kind: 'store', reference: reference.data } : undefined;
  }
  const asset = /^azureml:([A-Za-z0-9][\w.-]{0,254}(?:(?::|@)[\w.-]{1,255})?)$/.exec(path);
  if (asset) return { kind: 'asset', asset: asset[1] ?? '' };
  const [, name, kind, version] = LONG_ASSET.exec(path) ?? [];
  return name === undefined ? undefined : { kind: 'asset', asset: `${name}${kind === 'labels' ? '@' : ':'}${version}` };
}

/** As the studio and the registries write an asset's address. */
const LONG_ASSET =
  /^azureml:\/\/?(?:[\w.-]+\/){2,12}(?:data|models)\/([A-Za-z0-9][\w.-]{0,254})\/(versions|labels)\/([\w.-]{1,255})$/;

function isBlobPath(path: string): boolean {
  if (/[\p{Cc}\\]/u.test(path) || path.startsWith('/')) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}
