import { count } from '../domain/amount-text.ts';
import type { TrainModelInput } from '../domain/train-model-input.ts';
import { openAccount, putFileIfAbsent, type BlobContainer } from '../services/blob-storage.ts';
import { alone } from './demo/alone.ts';
import { EXIT_CODE } from './exit-code.ts';
import { fetchOutputs } from './local/fetch-outputs.ts';
import { LOCAL_MODEL, onSandbox, sampleText } from './local/on-sandbox.ts';
import type { Sample } from './local/samples.ts';
import { sayLog } from './local/say-log.ts';
import { verdictLines } from './local/verdict-lines.ts';
import { train, type RunOptions } from './run.ts';
import { untilInterrupted } from './run/until-interrupted.ts';
import type { RunEnd, Watching } from './run/watch-to-end.ts';
import { forgetTemporalProfile } from './sandbox/own-temporal.ts';
import { RUNS_CONTAINER, siteAccount } from './sandbox/prepare-site.ts';
import { DEMO_SITE, SAMPLE_STORE } from './sandbox/site-yml.ts';
import { startSandbox } from './sandbox/start.ts';
import { stateOption, statePaths, type StatePaths } from './sandbox/state-paths.ts';
import { findRun } from './temporal/find-run.ts';
import { jobOfRun } from './temporal/job-of-run.ts';

export interface LocalOptions extends RunOptions {
  /** `NAME=PATH` each. */
  readonly sample: readonly string[];
}

/**
 * `edge-train run FILE --local`: the same job in the same cage, on a VM of the sandbox and with data of this machine, for
 * writing scripts. What the script says is shown while it says it. The sandbox stays up for the next try; Ctrl-C cancels
 * the run.
 */
export async function runLocal(file: string, options: LocalOptions): Promise<number> {
  forgetTemporalProfile();
  const paths = statePaths(options.state);
  const say = (text: string) => void process.stderr.write(`${text}\n`);
  const ended = await untilInterrupted((signal) =>
    alone(paths, say, signal, () => tried(file, options, paths, signal)),
  );
  return ended === 'interrupted' || ended === undefined ? EXIT_CODE.interrupted : ended.exitCode;
}

async function tried(file: string, options: LocalOptions, paths: StatePaths, signal: AbortSignal): Promise<RunEnd> {
  const samples: Sample[] = [];
  const adapt = onSandbox(options.sample, samples);
  const tell = teller(options);
  let runs: BlobContainer | undefined;
  let begun: { watching: Watching; log: Promise<void> } | undefined;

  const checked = async () => {
    runs = await bringSamples(samples, paths, tell);
    signal.throwIfAborted();
  };
  const started = (watching: Watching, { sweep }: TrainModelInput) => {
    const quiet = options.json || sweep || !runs;
    begun = { watching, log: quiet ? Promise.resolve() : sayLog(watching, runs as BlobContainer, signal) };
  };
  try {
    const flags = { ...options, defaults: { site: DEMO_SITE, model: LOCAL_MODEL }, config: paths.folder };
    const ended = await train(file, flags, { signal, adapt, checked, started });
    for (const line of ended.result ? verdictLines(ended.result.released) : []) tell(line);
    return ended;
  } catch (error) {
    if (signal.aborted && begun) await cancel(begun.watching, tell);
    throw error;
  } finally {
    if (begun && runs && !signal.aborted) await leave(begun, runs, { options, paths, tell });
  }
}

type Tell = (line: string) => void;

/** With `--json`, standard output is for the one object. */
const teller =
  ({ json }: LocalOptions): Tell =>
  (line) =>
    void (json ? process.stderr : process.stdout).write(`${line}\n`);

/** Returns where runs leave what stays on site. */
async function bringSamples(samples: readonly Sample[], paths: StatePaths, tell: Tell): Promise<BlobContainer> {
  tell('Starting the sandbox, or taking the one that is up');
  const account = openAccount(await siteAccount(await startSandbox(paths, (line) => tell(`  ${line}`))));
  for (const sample of samples) {
    tell(sampleText(sample));
    for (const { blob, source } of sample.files) await putFileIfAbsent(account.container(SAMPLE_STORE), blob, source);
  }
  return account.container(RUNS_CONTAINER);
}

/** However the run ended: the rest of its log, its outputs, and how to go on. */
async function leave(
  { watching, log }: { watching: Watching; log: Promise<void> },
  runs: BlobContainer,
  { options, paths, tell }: { options: LocalOptions; paths: StatePaths; tell: Tell },
): Promise<void> {
  await log;
  const { temporal, started } = watching;
  if (options.outputs !== undefined) {
    const run = await findRun(temporal, started.workflowId, 'The run’s outputs cannot be found', started.runId);
    const fetched = await fetchOutputs(runs, await jobOfRun(temporal, run), options.outputs);
    tell(`Outputs: ${count(fetched, 'file')} in ${options.outputs}`);
  }
  tell(`The sandbox stays up for the next try; stop it with: edge-train sandbox stop${stateOption(paths)}`);
}

async function cancel({ temporal, started }: Watching, tell: Tell): Promise<void> {
  const { workflowId, runId } = started;
  await temporal.client.workflow.getHandle(workflowId, runId).cancel();
  tell(`\nCancelled: ${workflowId}. What it made is undone: edge-train watch ${workflowId}`);
}
