import { Failure } from '../server/errors.ts';
import { json, type Call, type Reply } from '../server/front.ts';
import { forward, passed } from '../server/proxy.ts';
import { repositoryName, requireAccess, type Access } from './access.ts';
import { deleteManifest, getManifest, putManifest } from './manifests.ts';
import { paged } from './pages.ts';
import { manifestsOf, repositories, tagsOf, type Registry } from './registry.ts';

/** The OCI distribution API: uploads and blobs go straight through; manifests, tags and referrers are indexed here. */
export async function distribution(registry: Registry, call: Call, path: string): Promise<Reply | undefined> {
  if (path === '_catalog' && call.method === 'GET') {
    await requireAccess(registry, call, [{ type: 'registry', name: 'catalog', actions: ['*'] }]);
    return paged(
      call,
      repositories(registry),
      (name) => name,
      (page) => ({ repositories: page }),
    );
  }
  const match = /^(.+)\/(blobs\/uploads|blobs|manifests|tags|referrers)\/([^/]*)$/.exec(path);
  if (!match) return undefined;
  const [, repository, kind, reference] = match as unknown as [string, string, string, string];
  if (!repositoryName.test(repository))
    throw new Failure(400, 'NAME_INVALID', `invalid repository name "${repository}"`);
  await requireAccess(registry, call, wanted(call, repository));
  const read = call.method === 'GET' || call.method === 'HEAD';
  switch (kind) {
    case 'blobs/uploads':
      return passOn(registry, call);
    case 'blobs':
      checkDigest(reference);
      return read || call.method === 'DELETE' ? passOn(registry, call) : undefined;
    case 'manifests':
      if (read) return getManifest(registry, call, repository, reference);
      if (call.method === 'PUT') return putManifest(registry, call, repository, reference);
      if (call.method !== 'DELETE') return undefined;
      return deleteManifest(registry, call, repository, reference);
    case 'tags':
      return reference === 'list' && call.method === 'GET' ? listTags(registry, call, repository) : undefined;
    default:
      return call.method === 'GET' ? listReferrers(registry, call, repository, reference) : undefined;
  }
}

function wanted(call: Call, name: string): Access[] {
  const actions = { GET: ['pull'], HEAD: ['pull'], DELETE: ['delete'] }[call.method] ?? ['pull', 'push'];
  const from = call.query.get('mount') === null ? null : call.query.get('from');
  const mounted: Access[] = from === null ? [] : [{ type: 'repository', name: from, actions: ['pull'] }];
  // An upload that is given up is part of the push.
  const cancelled = call.method === 'DELETE' && call.path.includes('/blobs/uploads/');
  return [{ type: 'repository', name, actions: cancelled ? ['pull', 'push'] : actions }, ...mounted];
}

/** Location is a path, as ACR sends it: its SDK cuts the first character off and joins the rest to its endpoint. */
async function passOn(registry: Registry, call: Call): Promise<Reply> {
  const { authorization: _, ...headers } = passed(call.headers);
  const reply = await forward(call, registry.upstream, call.target, headers);
  const location = reply.headers?.location;
  if (typeof location !== 'string') return reply;
  const { pathname, search } = new URL(location, registry.upstream);
  return { ...reply, headers: { ...reply.headers, location: pathname + search } };
}

function listTags(registry: Registry, call: Call, repository: string): Reply {
  if (manifestsOf(registry, repository).length === 0)
    throw new Failure(404, 'NAME_UNKNOWN', `repository name not known to registry: ${repository}`);
  return paged(
    call,
    tagsOf(registry, repository),
    ({ name }) => name,
    (page) => ({ name: repository, tags: page.map(({ name }) => name) }),
  );
}

/** OCI distribution 1.1: an index, empty when nothing refers to the digest. */
function listReferrers(registry: Registry, call: Call, repository: string, digest: string): Reply {
  if (!registry.servesReferrers) throw new Failure(404, 'NOT_FOUND', 'the referrers API is switched off');
  checkDigest(digest);
  const type = call.query.get('artifactType');
  const referrers = manifestsOf(registry, repository).filter(
    (each) => each.subject === digest && (type === null || each.artifactType === type),
  );
  const manifests = referrers.map(({ mediaType, size, artifactType, annotations, digest: own }) => ({
    mediaType,
    digest: own,
    size,
    ...(artifactType ? { artifactType } : {}),
    ...(annotations ? { annotations } : {}),
  }));
  const applied = type === null ? {} : { 'oci-filters-applied': 'artifactType' };
  return json(
    200,
    { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests },
    { 'content-type': 'application/vnd.oci.image.index.v1+json', ...applied },
  );
}

function checkDigest(digest: string): void {
  if (!/^sha256:[0-9a-f]{64}$/.test(digest))
    throw new Failure(400, 'DIGEST_INVALID', `provided digest is not a SHA-256 digest: ${digest}`);
}
