import type { IncomingMessage } from 'node:http';
import { toServiceError } from '../errors.ts';
import { digestOf } from '../oci-image/image.ts';
import { INDEX_TYPE, MANIFEST_TYPES, MAX_MANIFEST, verified, whole, type ImageReader } from './content.ts';
import { refusal } from './pull-image.ts';
import { pull, type PullSource } from './pull.ts';

/** Reads a repository as a site does: through its uplink, with a token that pulls. @throws ServiceError `GrantExpired` … */
export function pullReader(source: PullSource): ImageReader {
  const place = `${source.registry}/${source.repository}`;
  const get = async (below: string, accept: string): Promise<IncomingMessage | undefined> => {
    const response = await pull(source, below, accept);
    if (response.statusCode === 200) return response;
    response.destroy();
    if (response.statusCode === 404) return undefined;
    throw refusal(source, response.statusCode, `${below} of ${place}`);
  };
  const blob = async (digest: string): Promise<IncomingMessage> => {
    const response = await get(`blobs/${digest}`, '*/*');
    if (response) return response;
    throw refusal(source, 404, `the blob ${digest} of ${place}`);
  };
  const read = async (response: IncomingMessage, most: number, what: string): Promise<Buffer> => {
    try {
      return await whole(response, most, `${what} of ${place}`);
    } finally {
      response.destroy();
    }
  };
  return {
    async manifest(reference) {
      const response = await get(`manifests/${reference}`, MANIFEST_TYPES.join(', '));
      if (!response) return undefined;
      const content = await read(response, MAX_MANIFEST, `the manifest ${reference}`);
      const mediaType = (response.headers['content-type'] ?? '').replace(/;.*$/, '');
      return verified(reference, { digest: digestOf(content), mediaType, content });
    },
    async referrers(digest) {
      const response = await get(`referrers/${digest}`, INDEX_TYPE);
      return response && read(response, MAX_MANIFEST, `what refers to ${digest}`);
    },
    async content(digest, most) {
      const content = await read(await blob(digest), most, `the blob ${digest}`);
      return verified(digest, { digest: digestOf(content), content }).content;
    },
    async *stream(digest) {
      const response = await blob(digest);
      try {
        for await (const chunk of response as AsyncIterable<Buffer>) yield chunk;
      } catch (error) {
        throw toServiceError(error, `reading the blob ${digest} of ${place}`);
      } finally {
        response.destroy();
      }
    },
  };
}
