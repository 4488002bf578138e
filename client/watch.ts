import { readClientFile } from './config/client-file.ts';
import { findConfig } from './config/find-config.ts';
import { watchDeployment } from './deploy/watch-deployment.ts';
import { watchToEnd } from './run/watch-to-end.ts';
import { openProgress, silentProgress } from './show/progress.ts';
import { connectTemporal } from './temporal/connect.ts';
import { findRunOrDeployment } from './temporal/find-run.ts';
import { checkedRunId } from './temporal/run-id.ts';
import { uiLink } from './temporal/ui-link.ts';

/** `edge-train watch RUN`: to its end, and then ends as `run` would. */
export async function watchRun(
  given: string,
  { site, json = false, config }: { site?: string; json?: boolean; config?: string },
): Promise<number> {
  const workflowId = checkedRunId(given);
  const folder = findConfig(config);
  const { temporalUi } = await readClientFile(folder);
  const temporal = await connectTemporal(folder, site);
  const { run, isDeployment } = await findRunOrDeployment(temporal, workflowId, 'The run cannot be watched');
  const { runId } = run;
  const links = { workflowId, ...uiLink(temporalUi, temporal.namespace, workflowId, runId) };
  const progress = json ? silentProgress : await openProgress();
  progress.say(`${isDeployment ? 'Deployment' : 'Run'}:  ${workflowId}`);
  const started = { workflowId, runId, joined: true };
  const watching = { temporal, started, links, progress, json };
  return isDeployment ? watchDeployment(watching) : (await watchToEnd(watching)).exitCode;
}
