import {
  newPipeline,
  type AnonymousCredential,
  type Pipeline,
  type StoragePipelineOptions,
  type StorageSharedKeyCredential,
} from '@azure/storage-blob';

export interface BlobConnection {
  /** PEM of certificate authorities to trust instead of the system's. */
  ca?: string | undefined;
  /** Absent: what the SDK speaks. */
  apiVersion?: string | undefined;
  /** A CONNECT proxy. */
  proxy?: { host: string; port: number } | undefined;
  /** Ends whatever is under way, streams too. */
  abortSignal?: AbortSignal | undefined;
}

/**
 * Two tries, since Temporal retries whole activities; the version is set by a factory, which runs before signing, because
 * the client's own `version` option is ignored and `additionalPolicies` break child clients.
 */
export function blobPipeline(
  credential: AnonymousCredential | StorageSharedKeyCredential,
  connection: BlobConnection,
): Pipeline {
  const { ca, proxy, apiVersion, abortSignal } = connection;
  const options: StoragePipelineOptions & { tlsOptions?: { ca: string } } = {
    retryOptions: { maxTries: 2, tryTimeoutInMs: 120_000 },
    ...(ca === undefined ? {} : { tlsOptions: { ca } }),
    ...(proxy === undefined ? {} : { proxyOptions: { host: `http://${proxy.host}`, port: proxy.port } }),
  };
  const pipeline = newPipeline(credential, options);
  if (apiVersion !== undefined) {
    pipeline.factories.push({
      create: (next) => ({
        sendRequest(request) {
          request.headers.set('x-ms-version', apiVersion);
          return next.sendRequest(request);
        },
      }),
    });
  }
  if (abortSignal !== undefined) {
    pipeline.factories.push({
      create: (next) => ({
        sendRequest(request) {
          request.abortSignal ??= abortSignal;
          return next.sendRequest(request);
        },
      }),
    });
  }
  return pipeline;
}
