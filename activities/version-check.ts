import { createRequire } from 'node:module';
import type { CheckRequest } from '../domain/check.ts';
import { VERSION } from '../domain/version.ts';
import { ServiceError } from '../services/errors.ts';

const sdk = createRequire(import.meta.url)('@temporalio/activity/package.json') as { version: string };

/** This worker's versions. @throws ServiceError `VersionsDiffer` where the one who asks is of another edge-train */
export function versionText({ version }: CheckRequest): string {
  if (version === undefined || version === VERSION)
    return `edge-train ${VERSION}, Node ${process.versions.node}, Temporal SDK ${sdk.version}`;
  throw new ServiceError({
    class: 'host',
    type: 'VersionsDiffer',
    cause: `This worker is edge-train ${VERSION}, and who asks is ${version}.`,
    nextStep: 'Install the same edge-train for the workers and the command: the newer one, workers first.',
    retryable: false,
  });
}
