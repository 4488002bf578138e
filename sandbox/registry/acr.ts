import { Failure, notImplemented } from '../server/errors.ts';
import { json, type Call, type Reply } from '../server/front.ts';
import { requireAccess } from './access.ts';
import { deleteManifest } from './manifests.ts';
import { paged } from './pages.ts';
import {
  findManifest,
  manifestsOf,
  repositories,
  tagCollection,
  tagsOf,
  type ManifestRecord,
  type Registry,
  type TagRecord,
} from './registry.ts';

const attributes = { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true };

/** /acr/v1 (api-version 2021-07-01): what is in the registry, and deletes. Attributes can be read, not locked. */
export async function acr(registry: Registry, call: Call, path: string): Promise<Reply | undefined> {
  const version = call.query.get('api-version');
  if (version !== null && version !== '2021-07-01')
    throw new Failure(400, 'UNSUPPORTED', `The api-version '${version}' is not supported.`);
  if (path === '_catalog') return catalog(registry, call);
  const match = /^(.+?)(?:\/(_tags|_manifests)(?:\/([^/]+))?)?$/.exec(path);
  if (!match) return undefined;
  const [, repository, kind, reference] = match as unknown as [string, string, string | undefined, string | undefined];
  const action = { GET: 'metadata_read', DELETE: 'delete', PATCH: 'metadata_write' }[call.method];
  if (!action) return undefined;
  await requireAccess(registry, call, [{ type: 'repository', name: repository, actions: [action] }]);
  if (call.method === 'PATCH') throw notImplemented('locking of repositories, tags and manifests');
  const known = manifestsOf(registry, repository);
  if (known.length === 0) throw new Failure(404, 'NAME_UNKNOWN', `repository "${repository}" is not found`);
  const about = { registry: registry.loginServer, imageName: repository };
  switch (`${call.method} ${kind ?? ''}${reference === undefined ? '' : '/'}`) {
    case 'GET ':
      return json(200, {
        ...about,
        ...times(known),
        manifestCount: known.length,
        tagCount: tagsOf(registry, repository).length,
        changeableAttributes: attributes,
      });
    case 'GET _tags':
      return paged(
        call,
        tagsOf(registry, repository).filter(withDigest(call)),
        ({ name }) => name,
        (page) => ({ ...about, tags: page.map(shownTag) }),
        newestFirst(call),
      );
    case 'GET _tags/':
      return json(200, { ...about, tag: shownTag(requireTag(registry, repository, reference!)) });
    case 'GET _manifests':
      return paged(
        call,
        known,
        ({ digest }) => digest,
        (page) => ({ ...about, manifests: page.map((each) => shownManifest(registry, each)) }),
        newestFirst(call),
      );
    case 'GET _manifests/':
      return json(200, {
        ...about,
        manifest: shownManifest(registry, requireManifest(registry, repository, reference!)),
      });
    case 'DELETE ':
      return deleteRepository(registry, call, known);
    case 'DELETE _tags/':
      return deleteTag(registry, repository, reference!);
    default:
      return undefined;
  }
}

async function catalog(registry: Registry, call: Call): Promise<Reply | undefined> {
  if (call.method !== 'GET') return undefined;
  await requireAccess(registry, call, [{ type: 'registry', name: 'catalog', actions: ['*'] }]);
  return paged(
    call,
    repositories(registry),
    (name) => name,
    (page) => ({ repositories: page }),
  );
}

function requireTag({ store }: Registry, repository: string, name: string): TagRecord {
  const found = store.get<TagRecord>(tagCollection, `${repository}:${name}`);
  if (!found) throw new Failure(404, 'TAG_UNKNOWN', `the specified tag "${name}" does not exist`);
  return found;
}

function requireManifest(registry: Registry, repository: string, digest: string): ManifestRecord {
  const found = findManifest(registry, repository, digest);
  if (!found) throw new Failure(404, 'MANIFEST_UNKNOWN', `manifest ${digest} is not found`);
  return found;
}

function deleteTag(registry: Registry, repository: string, name: string): Reply {
  requireTag(registry, repository, name);
  registry.store.commit([{ collection: tagCollection, key: `${repository}:${name}` }]);
  return { status: 202 };
}

async function deleteRepository(registry: Registry, call: Call, known: ManifestRecord[]): Promise<Reply> {
  const tags = tagsOf(registry, known[0]!.repository).map(({ name }) => name);
  for (const { repository, digest } of known) await deleteManifest(registry, call, repository, digest);
  return json(202, { manifestsDeleted: known.map(({ digest }) => digest), tagsDeleted: tags });
}

function shownTag({ name, digest, createdTime, lastUpdateTime }: TagRecord): unknown {
  return { name, digest, createdTime, lastUpdateTime, signed: false, changeableAttributes: attributes };
}

function shownManifest(registry: Registry, record: ManifestRecord): unknown {
  const { digest, imageSize, mediaType, configMediaType, createdTime, lastUpdateTime, repository } = record;
  const tags = tagsOf(registry, repository).filter((each) => each.digest === digest);
  return {
    digest,
    imageSize,
    createdTime,
    lastUpdateTime,
    mediaType,
    ...(configMediaType ? { configMediaType } : {}),
    tags: tags.map(({ name }) => name),
    changeableAttributes: attributes,
  };
}

function times(known: ManifestRecord[]): { createdTime: string; lastUpdateTime: string } {
  return {
    createdTime: known.map((each) => each.createdTime).sort()[0]!,
    lastUpdateTime: known
      .map((each) => each.lastUpdateTime)
      .sort()
      .at(-1)!,
  };
}

function withDigest(call: Call): (tag: TagRecord) => boolean {
  const digest = call.query.get('digest');
  return (tag) => digest === null || tag.digest === digest;
}

/** `orderby=timedesc|timeasc`; without it by name. */
function newestFirst(
  call: Call,
): ((one: { lastUpdateTime: string }, other: { lastUpdateTime: string }) => number) | undefined {
  const order = call.query.get('orderby');
  if (order === null || order === '' || order === 'none') return undefined;
  if (order !== 'timedesc' && order !== 'timeasc')
    throw new Failure(400, 'PARAMETER_INVALID', `The value '${order}' of orderby is invalid.`);
  return (one, other) => one.lastUpdateTime.localeCompare(other.lastUpdateTime) * (order === 'timedesc' ? -1 : 1);
}
