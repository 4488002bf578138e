import {
  createDefaultHttpClient,
  createPipelineFromOptions,
  createPipelineRequest,
  type TlsSettings,
} from '@azure/core-rest-pipeline';
import { z } from 'zod';
import { HttpsUrl } from '../../domain/secret.ts';
import { ServiceError, toServiceError } from '../errors.ts';

const Clouds = z.array(
  z.object({ authentication: z.object({ loginEndpoint: HttpsUrl, audiences: z.array(z.string().min(1)).min(1) }) }),
);

/**
 * `GET /metadata/endpoints?api-version=2019-10-01`: an array, whose first entry is this Stack Hub. Its audience is no URL of
 * anything, and its login endpoint may end in `/adfs`, which the tenant says too. @throws ServiceError
 */
export async function discover(
  endpoint: string,
  tls: { tlsOptions?: TlsSettings },
): Promise<{ authority: string; audience: string }> {
  const url = `${endpoint}/metadata/endpoints?api-version=2019-10-01`;
  try {
    const pipeline = createPipelineFromOptions({ retryOptions: { maxRetries: 0 }, ...tls });
    const request = createPipelineRequest({ url, timeout: 30_000 });
    const { status, bodyAsText } = await pipeline.sendRequest(createDefaultHttpClient(), request);
    if (status === 429 || status >= 500) throw Object.assign(new Error(`it answers ${status}`), { statusCode: status });
    const cloud = Clouds.safeParse(parsed(bodyAsText ?? '')).data?.[0];
    if (!cloud) throw notStackHub(endpoint);
    const { loginEndpoint, audiences } = cloud.authentication;
    return { authority: loginEndpoint.replace(/\/adfs\/?$/i, '').replace(/\/+$/, ''), audience: audiences[0] ?? '' };
  } catch (error) {
    throw toServiceError(error, `asking ${url}`);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function notStackHub(endpoint: string): ServiceError {
  return new ServiceError({
    class: 'network',
    type: 'NotStackHub',
    cause: `${endpoint} answers, but not as a Stack Hub’s Azure Resource Manager does.`,
    nextStep: 'Correct stackHub.endpoint in site.yml: https://management.REGION.FQDN; or a proxy stands in between.',
    retryable: false,
  });
}
