import { describeIssues, type Parsed } from '../../domain/validation.ts';
import { ServiceError } from '../../services/errors.ts';

/**
 * The request, when the workflow that gets it would understand it: one that it drops is never answered, and who asked
 * would wait for ever. @throws ServiceError `RequestNotUnderstood` (host)
 */
export function understood<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new ServiceError({
    class: 'host',
    type: 'RequestNotUnderstood',
    cause: `The workflow that is asked would not understand the request: ${describeIssues(parsed.issues)}`,
    nextStep: 'Run workers of one release: edge-train doctor compares them.',
    retryable: false,
  });
}
