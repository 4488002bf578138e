import { ApplicationFailure } from '@temporalio/client';
import { Failure } from '../../domain/failure.ts';
import { UPDATE } from '../../domain/signals.ts';
import type { Envelope } from '../../domain/statement.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { CommandError, failed, unreachable } from '../command-error.ts';
import type { TemporalClient } from './connect.ts';
import type { FoundRun } from './find-run.ts';
import { serviceTrouble } from './trouble.ts';

const PATIENCE_MS = 30_000;

/**
 * Sends a signed decision, and waits until the workflow has taken it.
 * @throws CommandError exit 2 where the workflow refuses it, 3 where it is not known whether it was taken
 */
export async function sendDecision(
  temporal: TemporalClient,
  { workflowId, runId }: FoundRun,
  envelope: Envelope,
): Promise<void> {
  const handle = temporal.client.workflow.getHandle(workflowId, runId);
  try {
    await temporal.client.withDeadline(Date.now() + PATIENCE_MS, () =>
      handle.executeUpdate(UPDATE.decideRelease, { args: [envelope] }),
    );
  } catch (error) {
    const { name, cause } = error as Error;
    if (name === 'WorkflowUpdateFailedError') throw refusal(cause);
    if (name === 'WorkflowNotFoundError') throw ended(workflowId);
    if (name === 'WorkflowUpdateRPCTimeoutOrCancelledError') throw unknown(workflowId);
    throw serviceTrouble(error, temporal, 'The decision was not sent');
  }
}

/** The workflow's own words, where it has them. */
function refusal(cause: unknown): CommandError {
  const told = cause instanceof ApplicationFailure ? Failure.safeParse(cause.details?.[0]).data : undefined;
  const type = cause instanceof ApplicationFailure ? cause.type : undefined;
  const failure: Failure = told ?? {
    class: 'input',
    type: type ?? 'Refused',
    cause: `The run refused the decision: ${cause instanceof Error ? cause.message : 'it did not say why'}`,
    nextStep: 'Correct what it names, and run the command again.',
  };
  return failure.type === 'InvalidInput' ? new CommandError(EXIT_CODE.refused, failure) : failed(failure);
}

function ended(workflowId: string): CommandError {
  return new CommandError(EXIT_CODE.refused, {
    class: 'input',
    type: 'NotWaiting',
    cause: `${workflowId} has ended meanwhile; nothing was decided.`,
    nextStep: `See what came of it: edge-train status ${workflowId}`,
  });
}

function unknown(workflowId: string): CommandError {
  return unreachable(
    `No worker took the decision within ${PATIENCE_MS / 1000} s; whether one will is not known.`,
    `See whether it was taken (edge-train status ${workflowId}), and run the command again where it was not.`,
  );
}
