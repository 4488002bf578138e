import { StringDecoder } from 'node:string_decoder';
import { siteRunPath } from '../../domain/resource-names.ts';
import type { BlobContainer } from '../../services/blob-storage.ts';
import { followLog } from '../logs/follow-log.ts';
import { harmless } from '../logs/print-log.ts';
import type { Watching } from '../run/watch-to-end.ts';
import { jobOfRun } from '../temporal/job-of-run.ts';
import { findRun } from '../temporal/find-run.ts';

/**
 * Says each line of a run's log while the script writes it, above the run's steps. It ends with the run, or with the signal; a
 * log that cannot be read is no reason to stop watching.
 */
export async function sayLog(
  { temporal, started, progress }: Watching,
  runs: BlobContainer,
  signal: AbortSignal,
): Promise<void> {
  const { workflowId, runId } = started;
  const found = () => findRun(temporal, workflowId, 'The run’s log cannot be followed', runId);
  const lines = lineByLine((line) => progress.say(`  | ${harmless(line)}`));
  try {
    const path = siteRunPath(await jobOfRun(temporal, await found()), 'job.log');
    const log = { container: runs, path, print: (bytes: Buffer) => Promise.resolve(lines.add(bytes)) };
    await followLog(log, async () => (await found()).running, { signal });
  } catch (error) {
    if (!signal.aborted) progress.notice(`the script’s log cannot be read: ${(error as Error).message}`);
  } finally {
    lines.end();
  }
}

function lineByLine(say: (line: string) => void): { add(bytes: Buffer): void; end(): void } {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  return {
    add(bytes) {
      const lines = (rest + decoder.write(bytes)).split(/\r\n|\n|\r/);
      rest = lines.pop() ?? '';
      lines.forEach(say);
    },
    end() {
      if (rest !== '') say(rest);
    },
  };
}
