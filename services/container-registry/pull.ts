import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect, createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { ServiceError, toServiceError } from '../errors.ts';
import { connectThroughUplink } from '../uplink.ts';

/** A repository of a registry as a site reaches it: through the uplink, read-only. */
export interface PullSource {
  /** HOST or HOST:PORT, always by HTTPS. */
  readonly registry: string;
  readonly repository: string;
  /** `http://HOST:PORT` of the CONNECT proxy. */
  readonly uplink: string;
  /** PEM of certificate authorities besides the system's. */
  readonly ca?: string | undefined;
  /** The `Authorization` header; absent: anonymous. Never sent to another host. */
  readonly authorization?: string | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

/** No byte for so long: the line is dead. */
const SILENCE_MS = 60_000;
const REDIRECTS = 5;

/**
 * GET below `/v2/REPOSITORY/` of a registry, over one connection of its own; redirects are followed by HTTPS, as registries
 * send blobs from a storage elsewhere. Any status is an answer. The body is for the caller to read, or to destroy.
 * @throws ServiceError `UplinkDenied`, `Unreachable`, `CertificateNotTrusted`
 */
export async function pull(source: PullSource, below: string, accept = '*/*'): Promise<IncomingMessage> {
  const first = new URL(`https://${source.registry}/v2/${source.repository}/${below}`);
  let url = first;
  for (let hop = 0; hop <= REDIRECTS; hop++) {
    const isOwn = url.origin === first.origin;
    const authorization: Record<string, string> =
      isOwn && source.authorization !== undefined ? { authorization: source.authorization } : {};
    const response = await getThroughUplink(source, url, { accept, ...authorization });
    const location = response.headers.location;
    if (!REDIRECT.has(response.statusCode ?? 0) || location === undefined) return response;
    response.destroy();
    url = new URL(location, url);
    if (url.protocol !== 'https:') break;
  }
  throw new ServiceError({
    class: 'network',
    type: 'RegistryRefused',
    cause: `The registry ${source.registry} sends us from place to place, or to one without TLS.`,
    nextStep: 'Check registries in site.yml: the host must be the name that the registry itself uses.',
    retryable: false,
  });
}

const REDIRECT = new Set([301, 302, 303, 307, 308]);

/** One GET. The certificate must be one that the system or the site's own authority vouches for. */
export async function getThroughUplink(
  { uplink, ca, abortSignal }: Pick<PullSource, 'uplink' | 'ca' | 'abortSignal'>,
  url: URL,
  headers: Readonly<Record<string, string>>,
): Promise<IncomingMessage> {
  abortSignal?.throwIfAborted();
  const socket = await connectThroughUplink(uplink, `${url.hostname}:${url.port || 443}`);
  const tls = {
    socket,
    secureContext: trusting(ca),
    ...(IP.test(url.hostname) ? {} : { servername: url.hostname }),
    host: url.hostname,
  };
  return await new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      socket.destroy();
      reject(toServiceError(error, `asking the registry at ${url.origin}`));
    };
    const asked = request(url, {
      ...{ headers, timeout: SILENCE_MS },
      // No agent beside it: one would connect by itself, past the uplink.
      createConnection: () => connect(tls),
      ...(abortSignal ? { signal: abortSignal } : {}),
    });
    asked.once('timeout', () => asked.destroy(Object.assign(new Error('it is silent'), { code: 'ETIMEDOUT' })));
    asked.once('error', fail);
    asked.once('response', (response) => {
      response.once('close', () => socket.destroy());
      resolve(response);
    });
    asked.end();
  });
}

/** The system's authorities are hundreds: read once. */
function trusting(ca: string | undefined): SecureContext {
  const kept = contexts.get(ca);
  if (kept) return kept;
  const trusted = [...getCACertificates('default'), ...getCACertificates('system'), ...(ca === undefined ? [] : [ca])];
  const context = createSecureContext({ ca: trusted });
  contexts.set(ca, context);
  return context;
}

const contexts = new Map<string | undefined, SecureContext>();
const IP = /^[\d.]+$|^\[/;

/** A body of at most `most` bytes. @throws ServiceError */
export async function readBody(response: IncomingMessage, most: number, what: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of response as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > most) throw Object.assign(new Error(`it is larger than ${most} bytes`), { statusCode: 400 });
      pieces.push(piece);
    }
  } catch (error) {
    throw toServiceError(error, `reading ${what}`);
  } finally {
    response.destroy();
  }
  return Buffer.concat(pieces);
}
