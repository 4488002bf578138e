import type { PipelineResponse } from '@azure/core-rest-pipeline';
import { toServiceError, type ServiceError } from '../errors.ts';

/** The registry's own words: `{errors: [{code, message}]}` (OCI distribution spec, error codes), else the status. */
export function registryError(response: PipelineResponse, doing: string): ServiceError {
  const first = errorsOf(response.bodyAsText)[0];
  const message = [first?.code, first?.message].filter((part) => typeof part === 'string').join(': ');
  const host = new URL(response.request.url).host;
  const seen = new Error(message || 'no reason given');
  return toServiceError(
    Object.assign(seen, { statusCode: response.status, response: { headers: response.headers } }),
    `registry ${host}: ${doing}`,
  );
}

function errorsOf(body: string | null | undefined): { code?: unknown; message?: unknown }[] {
  try {
    const { errors } = JSON.parse(body ?? '') as { errors?: unknown };
    return Array.isArray(errors) ? (errors as { code?: unknown; message?: unknown }[]) : [];
  } catch {
    return [];
  }
}
