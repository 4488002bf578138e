import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ServiceError, toServiceError } from '../errors.ts';
import { digestOf } from '../oci-image/image.ts';
import { MANIFEST_TYPES, MAX_MANIFEST } from './content.ts';
import { pull, readBody, type PullSource } from './pull.ts';

export interface PulledManifest {
  /** `sha256:…` of the content. */
  readonly digest: string;
  readonly content: Buffer;
}

/** The manifest under a tag or digest; undefined where there is none. By digest its content is verified. @throws ServiceError */
export async function pullManifest(source: PullSource, reference: string): Promise<PulledManifest | undefined> {
  const response = await pull(source, `manifests/${reference}`, MANIFEST_TYPES.join(', '));
  const what = `the manifest ${reference} of ${source.registry}/${source.repository}`;
  if (response.statusCode !== 200) response.destroy();
  if (response.statusCode === 404) return undefined;
  if (response.statusCode !== 200) throw refusal(source, response.statusCode, what);
  const content = await readBody(response, MAX_MANIFEST, what);
  const digest = digestOf(content);
  if (reference.includes(':') && digest !== reference) throw differs(source, what);
  return { digest, content };
}

/** A small blob, verified. @throws ServiceError `ImageDiffers`, `GrantExpired` … */
export async function pullContent(source: PullSource, { digest }: { digest: string }, most: number): Promise<Buffer> {
  const what = `the blob ${digest} of ${source.registry}/${source.repository}`;
  const response = await pull(source, `blobs/${digest}`);
  if (response.statusCode !== 200) {
    response.destroy();
    throw refusal(source, response.statusCode, what);
  }
  const content = await readBody(response, most, what);
  if (digestOf(content) !== digest) throw differs(source, what);
  return content;
}

/** A blob into a file, which is whole and verified when this returns. @throws ServiceError `ImageDiffers`, `GrantExpired` … */
export async function pullBlob(
  source: PullSource,
  { digest, size }: { digest: string; size: number },
  path: string,
): Promise<void> {
  const what = `the blob ${digest} of ${source.registry}/${source.repository}`;
  const response = await pull(source, `blobs/${digest}`);
  if (response.statusCode !== 200) {
    response.destroy();
    throw refusal(source, response.statusCode, what);
  }
  const hash = createHash('sha256');
  let bytes = 0;
  const measured = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      hash.update(chunk);
      done(bytes > size ? differs(source, what) : null, chunk);
    },
  });
  try {
    const options = source.abortSignal ? { signal: source.abortSignal } : {};
    await pipeline(response, measured, createWriteStream(path, { mode: 0o600 }), options);
  } catch (error) {
    if (source.abortSignal?.aborted) throw error;
    throw toServiceError(error, `fetching ${what}`);
  }
  // A line that broke is told from other bytes: only the latter are nobody's accident.
  if (bytes < size)
    throw toServiceError(Object.assign(new Error('it was cut off'), { code: 'ECONNRESET' }), `fetching ${what}`);
  if (`sha256:${hash.digest('hex')}` !== digest) throw differs(source, what);
}

/** A token that ran out is granted anew. */
export function refusal(source: PullSource, status: number | undefined, what: string): ServiceError {
  if (status === 401 && source.authorization !== undefined) {
    return new ServiceError({
      class: 'network',
      type: 'GrantExpired',
      cause: `The registry ${source.registry} no longer takes the token for ${source.repository}.`,
      nextStep: 'The grant is made anew by the workflow.',
      retryable: false,
    });
  }
  return toServiceError(
    Object.assign(new Error('the registry refuses it'), { statusCode: status }),
    `fetching ${what}`,
  );
}

function differs({ registry }: PullSource, what: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'ImageDiffers',
    cause: `${registry} sent other bytes than ${what.replace(/ of .*/, '')} stands for.`,
    nextStep: 'Find out who changed the registry’s storage, or what changes bytes on the way; nothing of it was used.',
    retryable: false,
  });
}
