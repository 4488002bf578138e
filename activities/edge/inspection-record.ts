import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Inspection } from '../../domain/release.ts';
import { ServiceError } from '../../services/errors.ts';
import { canonicalJson } from '../../services/signing.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { jobFolder } from './output-files.ts';
import { writeWhole } from './write-whole.ts';

/** Writes down what this VM has inspected; again is harmless. */
export async function recordInspection(edge: EdgeDependencies, job: string, inspection: Inspection): Promise<void> {
  await writeWhole(recordPath(edge, job), canonicalJson(inspection));
}

/** @throws ServiceError `NotInspected` (policy) where this VM has not let exactly that through. */
export async function requireRecorded(edge: EdgeDependencies, job: string, inspection: Inspection): Promise<void> {
  const recorded = await readFile(recordPath(edge, job), 'utf8').catch(() => undefined);
  if (recorded === canonicalJson(inspection)) return;
  throw new ServiceError({
    class: 'policy',
    type: 'NotInspected',
    cause: 'What is asked for is not what the gate on this VM has let through. Nothing was released.',
    nextStep: 'Start the run again. If this comes back, find out who wrote to the Temporal namespace.',
    retryable: false,
  });
}

const recordPath = ({ home }: EdgeDependencies, job: string): string =>
  join(jobFolder(home, job), 'spec', 'inspection.json');
