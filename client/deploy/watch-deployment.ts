import { DeployModelResult } from '../../domain/deployment.ts';
import { CommandError } from '../command-error.ts';
import { EXIT_CODE } from '../exit-code.ts';
import type { DeployOutput, InterruptedOutput } from '../output.ts';
import { untilInterrupted } from '../run/until-interrupted.ts';
import { exitCodeOf, type Watching } from '../run/watch-to-end.ts';
import { printJson } from '../show/json.ts';
import { succeededWith } from '../temporal/outcome.ts';
import { watchWith } from '../temporal/watch.ts';
import { deploymentLines } from './lines.ts';

/** Watches a deployment to its end and says what came of it; returns the exit code. Ctrl-C ends the watching only. */
export async function watchDeployment({ temporal, started, links, progress, json }: Watching): Promise<number> {
  const { workflowId, runId } = started;
  const read = (result: unknown) => succeededWith(DeployModelResult, result);
  const outcome = await untilInterrupted((signal) => watchWith(read, temporal, started, progress, signal)).finally(() =>
    progress.end(),
  );
  if (outcome === 'interrupted') {
    if (json) printJson<InterruptedOutput>({ ok: false, exitCode: 130, workflowId, runId, running: true });
    else
      process.stderr.write(
        `\nInterrupted. The deployment goes on: ${workflowId}\nLook on with: edge-train watch ${workflowId}\n`,
      );
    return EXIT_CODE.interrupted;
  }
  if (outcome.state !== 'succeeded') throw new CommandError(exitCodeOf(outcome), outcome.failure);
  if (json) printJson<DeployOutput>({ ok: true, runId, ...links, result: outcome.result });
  else for (const line of ['', ...deploymentLines(outcome.result)]) progress.say(line);
  return EXIT_CODE.done;
}
