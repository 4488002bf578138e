import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { Failure } from '../server/errors.ts';
import type { Call, Reply } from '../server/front.ts';
import { forward, passed } from '../server/proxy.ts';
import type { Change } from '../server/store.ts';
import {
  findManifest,
  manifestCollection,
  tagCollection,
  tagsOf,
  type ManifestRecord,
  type Registry,
  type TagRecord,
} from './registry.ts';

const largest = 4 * 1024 * 1024;
const tagName = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

interface Manifest {
  mediaType?: string;
  artifactType?: string;
  config?: { mediaType?: string; size?: number };
  layers?: { size?: number }[];
  subject?: { digest?: string };
  annotations?: Record<string, string>;
}

/** By tag or digest; the tag is looked up here, the bytes come from upstream. */
export async function getManifest(
  registry: Registry,
  call: Call,
  repository: string,
  reference: string,
): Promise<Reply> {
  const found = findManifest(registry, repository, reference);
  if (!found) throw unknown(repository, reference);
  const { authorization: _, ...headers } = passed(call.headers);
  return forward(call, registry.upstream, `/v2/${repository}/manifests/${found.digest}`, {
    ...headers,
    accept: found.mediaType,
  });
}

/** Puts it upstream by digest, then the record and the tag here, in one transaction. Repeating it is harmless. */
export async function putManifest(
  registry: Registry,
  call: Call,
  repository: string,
  reference: string,
): Promise<Reply> {
  const bytes = await call.read();
  if (bytes.length > largest) throw new Failure(413, 'MANIFEST_INVALID', 'manifest is larger than 4 MiB');
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const byDigest = reference.includes(':');
  if (byDigest && reference !== digest)
    throw new Failure(400, 'DIGEST_INVALID', `provided digest ${reference} did not match uploaded content ${digest}`);
  if (!byDigest && !tagName.test(reference))
    throw new Failure(400, 'TAG_INVALID', `manifest tag did not match ${tagName.source}`);
  const manifest = parse(bytes);
  const mediaType = call.headers['content-type'] ?? '';
  if (manifest.mediaType !== undefined && manifest.mediaType !== mediaType)
    throw new Failure(
      400,
      'MANIFEST_INVALID',
      `the Content-Type ${mediaType} is not the manifest's mediaType ${manifest.mediaType}`,
    );
  // OCI image specification 1.1: a subject is a descriptor.
  const of = manifest.subject?.digest;
  if (manifest.subject !== undefined && (typeof of !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(of)))
    throw new Failure(400, 'MANIFEST_INVALID', 'the manifest’s subject is no descriptor with a SHA-256 digest');
  const upstream = `/v2/${repository}/manifests/${digest}`;
  const reply = await forward({ ...call, stream: Readable.from([bytes]) }, registry.upstream, upstream, {
    'content-type': mediaType,
    'content-length': bytes.length,
  });
  if (reply.status !== 201) return reply;
  (reply.body as Readable).resume();
  registry.store.commit(
    kept(registry, repository, byDigest ? undefined : reference, { digest, mediaType, size: bytes.length, manifest }),
  );
  const subject = registry.servesReferrers ? manifest.subject?.digest : undefined;
  return {
    status: 201,
    headers: {
      location: `/v2/${repository}/manifests/${digest}`,
      'docker-content-digest': digest,
      ...(subject ? { 'oci-subject': subject } : {}),
    },
  };
}

/** By digest, with every tag that names it. */
export async function deleteManifest(
  registry: Registry,
  call: Call,
  repository: string,
  digest: string,
): Promise<Reply> {
  if (!digest.includes(':'))
    throw new Failure(405, 'UNSUPPORTED', 'a tag is deleted at /acr/v1, a manifest by its digest');
  if (!findManifest(registry, repository, digest)) throw unknown(repository, digest);
  const reply = await forward(
    { ...call, method: 'DELETE', stream: Readable.from([]) },
    registry.upstream,
    `/v2/${repository}/manifests/${digest}`,
    {},
  );
  // 404: a delete whose answer was lost, or that died before its record was removed.
  if (reply.status !== 202 && reply.status !== 404) return reply;
  (reply.body as Readable).resume();
  const tags = tagsOf(registry, repository).filter((each) => each.digest === digest);
  registry.store.commit([
    { collection: manifestCollection, key: `${repository}@${digest}` },
    ...tags.map(({ name }) => ({ collection: tagCollection, key: `${repository}:${name}` })),
  ]);
  return { status: 202 };
}

function kept(
  registry: Registry,
  repository: string,
  tag: string | undefined,
  put: { digest: string; mediaType: string; size: number; manifest: Manifest },
): Change[] {
  const { digest, mediaType, size, manifest } = put;
  const now = new Date().toISOString();
  const artifactType = manifest.artifactType ?? manifest.config?.mediaType;
  const before = findManifest(registry, repository, digest);
  const record: ManifestRecord = {
    ...{ repository, digest, mediaType, size, createdTime: before?.createdTime ?? now, lastUpdateTime: now },
    imageSize: [manifest.config, ...(manifest.layers ?? [])].reduce((sum, each) => sum + (each?.size ?? 0), 0),
    ...(manifest.config?.mediaType ? { configMediaType: manifest.config.mediaType } : {}),
    ...(artifactType ? { artifactType } : {}),
    ...(manifest.subject?.digest ? { subject: manifest.subject.digest } : {}),
    ...(manifest.annotations ? { annotations: manifest.annotations } : {}),
  };
  const changes: Change[] = [{ collection: manifestCollection, key: `${repository}@${digest}`, value: record }];
  if (tag === undefined) return changes;
  const key = `${repository}:${tag}`;
  const old = registry.store.get<TagRecord>(tagCollection, key);
  const tagged: TagRecord = {
    repository,
    name: tag,
    digest,
    createdTime: old?.createdTime ?? now,
    lastUpdateTime: now,
  };
  return [...changes, { collection: tagCollection, key, value: tagged }];
}

function parse(bytes: Buffer): Manifest {
  try {
    const parsed = JSON.parse(bytes.toString('utf8')) as unknown;
    if (typeof parsed === 'object' && parsed !== null) return parsed as Manifest;
  } catch {
    // said below
  }
  throw new Failure(400, 'MANIFEST_INVALID', 'manifest is not a JSON object');
}

function unknown(repository: string, reference: string): Failure {
  return new Failure(404, 'MANIFEST_UNKNOWN', `manifest ${reference} is not found in ${repository}`);
}
