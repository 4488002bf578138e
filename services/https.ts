import {
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineRequest,
  type HttpMethods,
  type PipelineResponse,
} from '@azure/core-rest-pipeline';

export interface HttpsRequest {
  readonly url: string;
  readonly method: HttpMethods;
  readonly headers: Readonly<Record<string, string>>;
  /** Of a stream the length is not told. */
  readonly body?: string | Buffer | (() => NodeJS.ReadableStream);
  readonly abortSignal?: AbortSignal;
  readonly timeout: number;
  /** Leave the body of a 200 unread, as `readableStreamBody`. */
  readonly stream?: boolean;
}

/** One request by Azure's own HTTP client, for routes that no SDK has: no policy, so no retry and no redirect. */
export type HttpsSender = (request: HttpsRequest) => Promise<PipelineResponse>;

/** Trusts `ca` (PEM) instead of the system's authorities. One sender a `ca` keeps its connections over activities. */
export function httpsSender(ca?: string): HttpsSender {
  const kept = senders.get(ca);
  if (kept) return kept;
  const client = createDefaultHttpClient();
  const tlsSettings = ca === undefined ? {} : { ca };
  const send: HttpsSender = ({ headers, stream, body, abortSignal, ...rest }) => {
    const request = createPipelineRequest({
      ...rest,
      headers: createHttpHeaders({
        ...headers,
        ...(body === undefined || typeof body === 'function'
          ? {}
          : { 'content-length': String(Buffer.byteLength(body)) }),
      }),
      ...(body === undefined ? {} : { body }),
      ...(abortSignal ? { abortSignal } : {}),
      ...(stream ? { streamResponseStatusCodes: new Set([200]) } : {}),
    });
    // Not among the options that createPipelineRequest copies.
    request.tlsSettings = tlsSettings;
    return client.sendRequest(request);
  };
  senders.set(ca, send);
  return send;
}

const senders = new Map<string | undefined, HttpsSender>();
