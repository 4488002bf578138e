import { createHttpHeaders, createPipelineRequest, type HttpMethods } from '@azure/core-rest-pipeline';
import { azureCodes } from '../error-table.ts';
import { ServiceError, toServiceError } from '../errors.ts';
import type { StackHub } from './session.ts';

export interface ArmAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | undefined };
  readonly body: unknown;
}

export interface ArmRequest {
  readonly method: HttpMethods;
  /** From `/subscriptions/…`; or the whole URL of a poll, which must be of this Stack Hub: the token goes with it. */
  readonly path: string;
  /** Absent where the URL has one already. */
  readonly apiVersion?: string;
  readonly body?: object;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One request to Azure Resource Manager through the SDK's own pipeline (token, trust, tracing), with the api-version that
 * Stack Hub has: the generated clients would hide the body of a failed operation. Statuses of 400 and more throw.
 * @throws ServiceError with Azure's innermost known code
 */
export async function sendArm(hub: StackHub, request: ArmRequest, doing: string): Promise<ArmAnswer> {
  const url = checkedUrl(hub, request);
  try {
    const { status, headers, bodyAsText } = await hub.resources.sendRequest(
      createPipelineRequest({
        url,
        method: request.method,
        timeout: 60_000,
        headers: createHttpHeaders({ accept: 'application/json', 'content-type': 'application/json; charset=utf-8' }),
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        ...(request.signal === undefined ? {} : { abortSignal: request.signal }),
      }),
    );
    const body = parsed(bodyAsText);
    if (status >= 300) throw armError({ status, headers, body }, doing);
    return { status, headers, body };
  } catch (error) {
    request.signal?.throwIfAborted();
    throw toServiceError(error, doing);
  }
}

/** An ARM answer, or an operation's `{status: Failed, error}`, as a failure. */
export function armError(answer: ArmAnswer, doing: string): ServiceError {
  const chain = errorChain((answer.body as { error?: unknown } | undefined)?.error ?? answer.body);
  const known = chain.find(({ code }) => Object.hasOwn(azureCodes, code));
  const { code: said, message: words } = known ?? chain[0] ?? { code: '', message: 'the answer says nothing more' };
  const message = oneLine(words);
  const code =
    INSTALL_CUT.test(message) && said === 'VMExtensionProvisioningError' ? 'VMExtensionProvisioningTimeout' : said;
  const notQuota = code === 'OperationNotAllowed' && !/quota/i.test(message);
  return toServiceError(
    Object.assign(new Error(notQuota ? `${code}: ${message}` : message), {
      statusCode: answer.status,
      ...(code && !notQuota ? { code } : {}),
      response: { headers: answer.headers },
    }),
    doing,
  );
}

/** CustomScript's exit codes for a download that failed, and for a VM that went down in the middle. */
const INSTALL_CUT = /exit status=(53|255)\b/;

/** An extension's last words stand at the end of many lines. */
function oneLine(words: string): string {
  const line = words.replace(/\s*\n\s*/g, ' ').trim();
  return line.length <= 450 ? line : `${line.slice(0, 150)} … ${line.slice(-295)}`;
}

/** Innermost first: `DeploymentFailed` and the like only say that something inside them failed. */
function errorChain(error: unknown, depth = 0): { code: string; message: string }[] {
  if (typeof error !== 'object' || error === null || depth > 8) return [];
  const { code, message, details, innererror } = error as Record<string, unknown>;
  const inner = [...(Array.isArray(details) ? (details as unknown[]) : []), innererror].flatMap((each) =>
    errorChain(each, depth + 1),
  );
  return typeof code === 'string' ? [...inner, { code, message: typeof message === 'string' ? message : '' }] : inner;
}

function checkedUrl(hub: StackHub, { path, apiVersion }: ArmRequest): string {
  const url = new URL(path, hub.endpoint);
  if (url.origin !== new URL(hub.endpoint).origin) {
    throw new ServiceError({
      class: 'policy',
      type: 'ForeignAddress',
      cause: `The Stack Hub at ${hub.endpoint} names ${url.origin} as where an operation is followed; no token is sent there.`,
      nextStep: 'Check stackHub.endpoint in site.yml, and what stands between this worker and the Stack Hub.',
      retryable: false,
    });
  }
  if (apiVersion !== undefined) url.searchParams.set('api-version', apiVersion);
  return url.href;
}

/** A proxy's HTML in place of ARM's JSON is no answer, whatever its status. */
function parsed(text: string | null | undefined): unknown {
  if (!text) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw Object.assign(new Error('the answer is no JSON, so it is not Azure Resource Manager’s'), { statusCode: 502 });
  }
}
