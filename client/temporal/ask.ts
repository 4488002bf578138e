import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { CLOUD_QUEUE } from '../../domain/resource-names.ts';
import type { WORKFLOW_TYPE } from '../../domain/signals.ts';
import { CommandError } from '../command-error.ts';
import { exitCodeOf } from '../run/watch-to-end.ts';
import type { TemporalClient } from './connect.ts';
import { endedBadly } from './outcome.ts';
import { requireReadable } from './payload-codecs.ts';
import { serviceTrouble } from './trouble.ts';

/** A short workflow that answers a question, since the client itself holds no credential of what is asked about. */
export interface Question<T> {
  readonly workflow: keyof typeof WORKFLOW_TYPE;
  readonly input: object;
  readonly answer: z.ZodType<T>;
  /** The start of the workflow's id, and one line for the Temporal UI. */
  readonly id: string;
  readonly summary: string;
  /** What is not known, for when nobody can be asked: "What serves cannot be read". */
  readonly trouble: string;
  /** Who gives up leaves nothing behind; absent: the workflow goes on to its end, and asking the same again joins it. */
  readonly patience?: '2 minutes';
}

/** @throws CommandError exit 1 or 2 with the workflow's own failure, 3 when the server cannot be asked */
export async function askWorkflow<T>(temporal: TemporalClient, question: Question<T>): Promise<T> {
  const { workflow, input, answer, id, summary, trouble, patience } = question;
  try {
    const result: unknown = await temporal.client.workflow.execute(workflow, {
      workflowId: patience === undefined ? id : `${id}-${randomUUID().slice(0, 8)}`,
      taskQueue: CLOUD_QUEUE,
      args: [input],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: summary,
      ...(patience === undefined ? {} : { workflowExecutionTimeout: patience }),
    });
    return answer.parse(requireReadable(result, summary));
  } catch (error) {
    const outcome = endedBadly(error);
    throw outcome ? new CommandError(exitCodeOf(outcome), outcome.failure) : serviceTrouble(error, temporal, trouble);
  }
}
