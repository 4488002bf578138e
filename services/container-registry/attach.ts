import { setTimeout } from 'node:timers/promises';
import { ServiceError } from '../errors.ts';
import { ensureBlob } from './blobs.ts';
import { digestOf } from '../oci-image/image.ts';
import { INDEX_TYPE, sessionReader, type StoredManifest } from './content.ts';
import { fallbackTag, readIndex, type Referrer } from './referrers.ts';
import type { RegistrySession } from './session.ts';

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
/** OCI image specification 1.1, guidance for an empty descriptor. */
const EMPTY = { mediaType: 'application/vnd.oci.empty.v1+json', content: Buffer.from('{}') };

/** A document that belongs to an image. Its manifest says nothing but this, so the same one has the same digest. */
export interface Attachment {
  readonly artifactType: string;
  readonly layer: { readonly mediaType: string; readonly content: Buffer };
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * Attaches documents to an image: each is a manifest with the image as its `subject`. What is attached already is not sent
 * again. A registry that lists referrers says so by `OCI-Subject`; elsewhere they are listed under the tag `sha256-HEX`.
 * Returns the manifests' digests, in order.
 */
export async function attachAll(
  session: RegistrySession,
  repository: string,
  subject: StoredManifest,
  attachments: readonly Attachment[],
): Promise<string[]> {
  const put: { referrer: Referrer; listed: boolean }[] = [];
  for (const attachment of attachments) put.push(await attach(session, repository, subject, attachment));
  const unlisted = put.filter(({ listed }) => !listed).map(({ referrer }) => referrer);
  if (unlisted.length > 0) await listUnderTag(session, repository, subject.digest, unlisted);
  return put.map(({ referrer }) => referrer.digest);
}

async function attach(
  session: RegistrySession,
  repository: string,
  subject: StoredManifest,
  { artifactType, layer, annotations = {} }: Attachment,
): Promise<{ referrer: Referrer; listed: boolean }> {
  const described = {
    ...{ schemaVersion: 2, mediaType: MANIFEST_TYPE, artifactType },
    config: await ensureContent(session, repository, EMPTY),
    layers: [await ensureContent(session, repository, layer)],
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.content.length },
    annotations,
  };
  const content = Buffer.from(JSON.stringify(described));
  const digest = digestOf(content);
  const referrer = { mediaType: MANIFEST_TYPE, digest, size: content.length, artifactType, annotations };
  const headers = await putContent(session, repository, digest, { mediaType: MANIFEST_TYPE, content });
  return { referrer, listed: headers.get('oci-subject') === subject.digest };
}

async function ensureContent(
  session: RegistrySession,
  repository: string,
  { mediaType, content }: { readonly mediaType: string; readonly content: Buffer },
): Promise<{ mediaType: string; digest: string; size: number }> {
  const { digest, size } = await ensureBlob(session, repository, content);
  return { mediaType, digest, size };
}

/** Repeating it is harmless: it is put under its own digest. */
async function putContent(
  session: RegistrySession,
  repository: string,
  reference: string,
  { mediaType, content }: { readonly mediaType: string; readonly content: Buffer },
) {
  const response = await session.send({
    method: 'PUT',
    target: `/v2/${repository}/manifests/${reference}`,
    headers: { 'content-type': mediaType },
    body: content,
    accept: [201],
  });
  return response.headers;
}

/** Registries have no compare-and-swap for tags: whoever writes reads again, and writes again if somebody else wrote over it. */
const ATTEMPTS = 8;
const PAUSE_MS = 50;

async function listUnderTag(
  session: RegistrySession,
  repository: string,
  digest: string,
  ours: readonly Referrer[],
): Promise<void> {
  const reader = sessionReader(session, repository);
  const tag = fallbackTag(digest);
  const wanted = new Map(ours.map((each) => [each.digest, each]));
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const there = await reader.manifest(tag);
    const listed = new Map((there ? readIndex(there.content) : []).map((each) => [each.digest, each]));
    if ([...wanted.keys()].every((each) => listed.has(each))) return;
    for (const each of listed.values()) wanted.set(each.digest, each);
    const manifests = [...wanted.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
    const content = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests }));
    await putContent(session, repository, tag, { mediaType: INDEX_TYPE, content });
    // Not the same for all, so that two writers do not go on meeting.
    await setTimeout(PAUSE_MS * attempt * (1 + Math.random()));
  }
  throw new ServiceError({
    class: 'host',
    type: 'ReferrersContended',
    cause: `Another writer goes on replacing the list of what is attached to ${repository}@${digest}.`,
    nextStep: 'It is tried again. A registry that serves the referrers API has no such list.',
    retryable: true,
  });
}
