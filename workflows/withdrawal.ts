import { isCancellation, workflowInfo } from '@temporalio/workflow';
import { WithdrawalAnswer } from '../domain/model-version.ts';
import { SIGNAL } from '../domain/signals.ts';
import { parse } from '../domain/validation.ts';
import type { Holder } from '../domain/virtual-machine.ts';
import { Answers } from './answers.ts';
import type { AzureRecord } from './azure-record.ts';
import { failWith } from './failure.ts';
import { cloudSteps, siteSteps, UNDO_PATIENCE } from './steps.ts';

/**
 * Undoes the release of a run that ends without a version, by way of the model's own workflow: it alone knows whether a
 * version is being made, and its word decides how Azure ML's record of the run ends.
 */
export async function withdrawRelease(holder: Holder, model: string, record: AzureRecord): Promise<void> {
  if (record.isRegistered) return;
  const answers = new Answers<WithdrawalAnswer>(
    SIGNAL.versionRegistered,
    holder.job,
    (value) => parse(WithdrawalAnswer, value),
    'From the model’s workflow: what was released is gone, or the version had been made.',
  );
  const answer = await answers.to(() => cloudSteps(UNDO_PATIENCE).withdrawRegistration({ holder, model }));
  if (answer.kind === 'refused') throw failWith(answer.failure);
  if (answer.kind === 'kept') record.registered();
}

/** A run that failed leaves its outputs on site, to find out why; one that nobody wants leaves its log, unless it has a version. */
export async function discardCancelled(reason: unknown, record: AzureRecord | undefined): Promise<void> {
  if (!isCancellation(reason) || record?.isRegistered) return;
  const { workflowId, originalExecutionRunId } = workflowInfo();
  await siteSteps(UNDO_PATIENCE).discardRun({ workflowId, originalExecutionRunId });
}
