import { ServiceError } from '../services/errors.ts';

/** Of a version that serves otherwise than it should, on a VM or in the cloud, before it has had any traffic. */
export const smokeTestFailed = (why: string, toDo: string): ServiceError =>
  new ServiceError({
    class: 'script',
    type: 'SmokeTestFailed',
    cause: `The new version does not pass its smoke test: ${why}.`,
    nextStep: `What served before goes on. ${toDo}, and train again.`,
    retryable: false,
  });
