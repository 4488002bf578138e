import { randomUUID } from 'node:crypto';

/**
 * Every error body of the sandbox is minted here, in the shape of the service that it stands for. A handler throws a
 * `Failure`; the front that serves it chooses the dialect.
 */
export class Failure extends Error {
  readonly status: number;
  readonly code: string;
  readonly target: string | undefined;
  readonly details: FailureDetail[];
  readonly headers: Record<string, string>;

  constructor(status: number, code: string, message: string, more: FailureMore = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.target = more.target;
    this.details = more.details ?? [];
    this.headers = more.headers ?? {};
  }
}

export interface FailureDetail {
  code: string;
  message: string;
  target?: string;
}

interface FailureMore {
  target?: string;
  details?: FailureDetail[];
  headers?: Record<string, string>;
}

export type Dialect = 'arm' | 'network' | 'machine-learning' | 'mlflow' | 'token' | 'registry' | 'blob';

export interface ErrorReply {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export function errorReply(failure: Failure, dialect: Dialect, requestId: string): ErrorReply {
  const json = { 'content-type': 'application/json; charset=utf-8' };
  switch (dialect) {
    case 'blob':
      return {
        status: failure.status,
        headers: { 'content-type': 'application/xml', 'x-ms-error-code': failure.code, ...failure.headers },
        body: blobBody(failure, requestId),
      };
    case 'arm':
      return reply(failure, { ...json, 'x-ms-failure-cause': 'gateway' }, armBody(failure));
    case 'network':
      return reply(failure, json, armBody({ ...failure, message: failure.message, details: failure.details }));
    case 'machine-learning':
      return reply(failure, json, machineLearningBody(failure, requestId));
    case 'mlflow':
      return reply(failure, json, { error_code: failure.code, message: failure.message });
    case 'token':
      return reply(failure, json, tokenBody(failure, requestId));
    case 'registry':
      return reply(failure, json, {
        errors: [{ code: failure.code, message: failure.message, detail: failure.details[0] ?? null }],
      });
  }
}

/** The `error` member of ARM's bodies and of failed operations. */
export function armError(failure: Pick<Failure, 'code' | 'message' | 'target' | 'details'>): Record<string, unknown> {
  return {
    code: failure.code,
    message: failure.message,
    ...(failure.target === undefined ? {} : { target: failure.target }),
    ...(failure.details.length === 0 ? {} : { details: failure.details }),
  };
}

export function notImplemented(what: string): Failure {
  return new Failure(
    501,
    'NotImplemented',
    `The sandbox does not emulate ${what}. sandbox/README.md lists what it serves.`,
  );
}

export function internalFailure(error: unknown): Failure {
  return error instanceof Failure
    ? error
    : new Failure(
        500,
        'InternalServerError',
        `The sandbox failed: ${error instanceof Error ? error.message : String(error)}`,
      );
}

function reply(failure: Failure, headers: Record<string, string>, body: unknown): ErrorReply {
  return { status: failure.status, headers: { ...headers, ...failure.headers }, body: JSON.stringify(body) };
}

function armBody(failure: Pick<Failure, 'code' | 'message' | 'target' | 'details'>): unknown {
  return { error: armError(failure) };
}

/** Azure ML adds where and when to each error. */
function machineLearningBody(failure: Failure, requestId: string): unknown {
  return {
    error: {
      ...armError(failure),
      details: failure.details,
      additionalInfo: [
        { type: 'ComponentName', info: { value: 'managementfrontend' } },
        { type: 'Correlation', info: { value: { operation: requestId.replaceAll('-', ''), request: requestId } } },
        { type: 'Environment', info: { value: 'sandbox' } },
        { type: 'Time', info: { value: new Date().toISOString() } },
      ],
    },
  };
}

/** RFC 6749 section 5.2 with the members that Entra ID and AD FS add. */
function tokenBody(failure: Failure, requestId: string): unknown {
  return {
    error: failure.code,
    error_description: failure.message,
    error_codes: failure.details.map((detail) => Number(detail.code)).filter(Number.isInteger),
    timestamp: new Date().toISOString(),
    trace_id: requestId,
    correlation_id: randomUUID(),
  };
}

function blobBody(failure: Failure, requestId: string): string {
  const more = failure.details
    .map((detail) => `<${detail.code}>${escapeXml(detail.message)}</${detail.code}>`)
    .join('');
  const message = `${failure.message}\nRequestId:${requestId}\nTime:${new Date().toISOString()}`;
  return `<?xml version="1.0" encoding="utf-8"?><Error><Code>${failure.code}</Code><Message>${escapeXml(message)}</Message>${more}</Error>`;
}

function escapeXml(text: string): string {
  return text.replace(/[<>&]/g, (character) => `&#${character.codePointAt(0)};`);
}
