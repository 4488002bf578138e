import type { Client } from '@temporalio/client';
import { refused } from '../command-error.ts';
import { connectTemporal } from '../temporal/connect.ts';
import { requireReadable } from '../temporal/payload-codecs.ts';
import { findRun } from '../temporal/find-run.ts';
import { checkedRunId } from '../temporal/run-id.ts';
import { serviceTrouble } from '../temporal/trouble.ts';

type History = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>;

/**
 * The receipt of a run as JSON, from the run's history: there whether or not a worker answers, as long as Temporal keeps
 * the run. @throws CommandError exit 2 for a run that is none or has no receipt
 */
export async function receiptOfRun(given: string, folder: string, site: string | undefined): Promise<string> {
  const workflowId = checkedRunId(given);
  const temporal = await connectTemporal(folder, site);
  const { runId } = await findRun(temporal, workflowId, 'The run’s receipt cannot be read');
  const handle = temporal.client.workflow.getHandle(workflowId, runId);
  const history = await handle.fetchHistory().catch((error: unknown) => {
    throw serviceTrouble(error, temporal, 'The run’s receipt cannot be read');
  });
  const answer = answerOf(history, 'issueReceipt');
  if (!answer) {
    const fault = { path: 'RUN', rule: 'has no receipt: nothing of it has left the site' };
    throw refused('There is no receipt.', [fault], 'Runs that succeeded have one: edge-train list.');
  }
  const { payloadConverter, payloadCodecs } = temporal.client.options.loadedDataConverter;
  let payload = answer;
  for (const codec of payloadCodecs) [payload = answer] = await codec.decode([payload]);
  const value = payloadConverter.fromPayload<{ envelope: unknown }>(payload);
  const { envelope } = requireReadable(value, 'The run’s receipt');
  return JSON.stringify(envelope);
}

/** What an activity of this type answered, last. */
function answerOf({ events }: History, type: string) {
  const scheduled = new Set(
    events
      ?.filter(({ activityTaskScheduledEventAttributes: task }) => task?.activityType?.name === type)
      .map(({ eventId }) => String(eventId)),
  );
  const answers = (events ?? [])
    .map(({ activityTaskCompletedEventAttributes: done }) => done)
    .filter((done) => scheduled.has(String(done?.scheduledEventId)));
  return answers.at(-1)?.result?.payloads?.[0];
}
