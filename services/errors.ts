import type { Failure, FailureClass } from '../domain/failure.ts';
import { describeIssues, type Issue } from '../domain/validation.ts';
import { azureCodes, errnoCodes, statusVerdict, type Verdict } from './error-table.ts';

/**
 * A failure that carries its own verdict. It never holds the raw error as `cause`: an SDK's error holds the request,
 * and with it tokens and signatures, and whatever is thrown is written into Temporal's history.
 */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly class: FailureClass;
  readonly type: string;
  readonly nextStep: string;
  readonly retryable: boolean;
  /** The least wait before the next attempt, where the service said so; at most 10 minutes. */
  readonly retryAfterMs?: number;
  readonly issues?: readonly Issue[];

  constructor(verdict: Verdict & { cause: string; retryAfterMs?: number; issues?: readonly Issue[] }) {
    super(redact(verdict.cause));
    this.class = verdict.class;
    this.type = verdict.type;
    this.nextStep = redact(verdict.nextStep);
    this.retryable = verdict.retryable;
    if (verdict.retryAfterMs !== undefined) this.retryAfterMs = Math.min(verdict.retryAfterMs, 600_000);
    if (verdict.issues) this.issues = verdict.issues;
  }

  toFailure(): Failure {
    return { class: this.class, type: this.type, cause: this.message, nextStep: this.nextStep };
  }
}

/** Everything wrong with an input, at once, each with its path and rule; never retried. */
export function invalidInput(issues: readonly Issue[], failureClass: FailureClass = 'input'): ServiceError {
  return new ServiceError({
    class: failureClass,
    type: 'InvalidInput',
    cause: describeIssues(issues),
    nextStep: 'Correct what is named and start again; nothing was made and nothing was spent.',
    retryable: false,
    issues,
  });
}

/**
 * The one place that decides what an error of an SDK, of HTTP or of the system means: a ServiceError is returned as it
 * is, `doing` says what was being done and where ("creating the VM demo-a on the Stack Hub").
 */
export function toServiceError(error: unknown, doing: string): ServiceError {
  if (error instanceof ServiceError) return error;
  const seen = facts(error);
  const verdict =
    (seen.code === undefined ? undefined : (azureCodes[seen.code] ?? errnoCodes[seen.code])) ??
    statusVerdict(seen.status) ??
    UNEXPECTED;
  const what = [seen.status, seen.code].filter((part) => part !== undefined).join(' ');
  return new ServiceError({
    ...verdict,
    cause: `${doing}: ${what ? `${what}: ` : ''}${seen.message}`,
    ...(seen.retryAfterMs === undefined ? {} : { retryAfterMs: seen.retryAfterMs }),
  });
}

/** Takes signatures, keys, tokens and passwords out of a text that is about to be shown, logged or kept. */
export function redact(text: string): string {
  return text
    .replace(/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, '<private key>')
    .replace(
      /\b(sig|client_secret|password|accountkey|access_token|refresh_token)(=|"\s*:\s*")[^&\s"';,]+/gi,
      '$1$2<redacted>',
    )
    .replace(/\b(Bearer|Basic|SharedKey)\s+[\w+/=.:~-]{8,}/g, '$1 <redacted>')
    .replace(/\beyJ[\w-]{10,}\.[\w-]+\.[\w-]*(\.[\w-]*\.[\w-]*)?/g, '<token>')
    .replace(/(https?:\/\/)[^/\s@:]+:[^/\s@]+@/gi, '$1<redacted>@');
}

/** Every code of the chain: Node hides the errno of a failed `fetch`, and SDKs theirs, one or two causes down. */
function facts(error: unknown): { status?: number; code?: string; message: string; retryAfterMs?: number } {
  const found: { status?: number; code?: string; retryAfterMs?: number } = {};
  let current: unknown = error;
  for (let depth = 0; depth < 5 && typeof current === 'object' && current !== null; depth++) {
    const each = current as Record<string, unknown>;
    const status = each['statusCode'] ?? each['status'];
    if (found.status === undefined && typeof status === 'number') found.status = status;
    const code =
      each['code'] ??
      each['errorCode'] ??
      (each['details'] as { errorCode?: unknown } | undefined)?.errorCode ??
      MSAL.exec(text(current))?.[1];
    if (typeof code === 'string' && (found.code === undefined || (!isKnown(found.code) && isKnown(code))))
      found.code = code;
    found.retryAfterMs ??= retryAfter(each['response']);
    current = each['cause'] ?? (Array.isArray(each['errors']) ? (each['errors'] as unknown[])[0] : undefined);
  }
  if (found.status === 403 && EXPIRED_SAS.test(text(error))) found.code = 'SasExpired';
  return Object.assign(
    { message: firstLine(text(error)) },
    Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)),
  );
}

/** `@azure/identity` keeps of some errors of MSAL the message only. */
const MSAL = /^(\w+): See https:\/\/aka\.ms\/msal/;

/** Blob storage's words for a SAS outside its time. */
const EXPIRED_SAS = /not valid in the specified time frame|Signature did not match.*expiry|SAS.*expired/i;

const isKnown = (code: string): boolean => Object.hasOwn(azureCodes, code) || Object.hasOwn(errnoCodes, code);

const text = (error: unknown): string => (error instanceof Error ? withoutPath(error) : String(error));

/** Node puts the path into what it says of a file: on site a patient's name can be in it, and `doing` says enough. */
function withoutPath({ message, path }: NodeJS.ErrnoException): string {
  return path === undefined ? message : (message.split(" '", 1)[0] ?? '');
}

/** Azure's blob errors have ids and times in the lines below the first. Cut, since a server's text can be any length. */
function firstLine(message: string): string {
  const line = message.split('\n', 1)[0]?.trim() ?? '';
  return line.length > 500 ? `${line.slice(0, 499)}…` : line;
}

function retryAfter(response: unknown): number | undefined {
  const headers = (response as { headers?: { get?: (name: string) => string | null | undefined } } | undefined)
    ?.headers;
  const value = headers?.get?.('retry-after');
  if (value === undefined || value === null) return undefined;
  const seconds = Number(value);
  const milliseconds = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(milliseconds) && milliseconds >= 0 ? milliseconds : undefined;
}

const UNEXPECTED: Verdict = {
  class: 'internal',
  type: 'Unexpected',
  nextStep: 'This is likely a fault of edge-train: report it with the workflow’s id. It is tried again.',
  retryable: true,
};
