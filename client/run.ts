import type { ClientFile } from '../domain/client-file.ts';
import type { TrainModelInput } from '../domain/train-model-input.ts';
import { packFolder, sendCode } from './code/send.ts';
import { refused } from './command-error.ts';
import { readClientFile } from './config/client-file.ts';
import { findConfig } from './config/find-config.ts';
import { EXIT_CODE } from './exit-code.ts';
import { readTraining, type Adapt } from './files/read-training.ts';
import type { RunFlags } from './files/wishes.ts';
import { watchToEnd, watchUntil, type RunEnd, type Watching } from './run/watch-to-end.ts';
import type { StartedOutput } from './output.ts';
import { printJson } from './show/json.ts';
import { openProgress, silentProgress, type Progress } from './show/progress.ts';

/** For callers that do more with a run than `run` does. */
export interface RunHooks {
  /** The caller minds interruptions, and `train` throws the signal's reason; the run goes on all the same. */
  readonly signal?: AbortSignal;
  readonly adapt?: Adapt;
  /** All was checked, and nothing has been sent. */
  readonly checked?: () => Promise<void>;
  readonly started?: (watching: Watching, input: TrainModelInput) => void;
}

export interface RunOptions extends RunFlags {
  readonly config?: string;
  readonly printInput?: boolean;
  readonly detach?: boolean;
  readonly json?: boolean;
  readonly sample?: readonly string[];
  readonly outputs?: string;
  readonly state?: string;
}

/** `edge-train run FILE`: checks everything, sends the code, starts the run and watches it to its end. */
export async function run(file: string, options: RunOptions): Promise<number> {
  refuseLocalOnly(options);
  return (await train(file, options)).exitCode;
}

function refuseLocalOnly({ sample = [], outputs, state }: RunOptions): void {
  const given = { '--sample': sample[0], '--outputs': outputs, '--state': state };
  const faults = Object.entries(given)
    .filter(([, value]) => value !== undefined)
    .map(([path]) => ({ path, rule: 'is for --local' }));
  if (faults.length > 0) throw refused('The training is refused; nothing was started.', faults, 'Add --local.');
}

/** As `run`, for callers that go on with what was made. */
export async function train(file: string, options: RunOptions, hooks: RunHooks = {}): Promise<RunEnd> {
  const training = await readTraining(file, options, hooks.adapt);
  await using code = await packFolder(training);
  const input = training.toInput(code?.asset);
  await hooks.checked?.();
  const folder = findConfig(options.config);
  const clientFile = await readClientFile(folder);
  const progress = options.json || options.printInput ? silentProgress : await openProgress();

  if (options.printInput) {
    if (code) await sendCode(code, clientFile, progress);
    process.stdout.write(`${JSON.stringify(input, null, 2)}\n`);
    await tellForm(folder, input, clientFile);
    return { exitCode: EXIT_CODE.done };
  }
  const { connectTemporal } = await import('./temporal/connect.ts');
  const temporal = await connectTemporal(folder, input.site);
  if (code) await sendCode(code, clientFile, progress);
  return await startAndWatch({ temporal, input, clientFile, progress, options, hooks });
}

/** Where the input goes: on standard error, so that standard output stays one JSON object. */
async function tellForm(folder: string, input: TrainModelInput, { temporalUi }: ClientFile): Promise<void> {
  if (temporalUi === undefined) return;
  const { profileNamespace } = await import('./temporal/connect.ts');
  const { workflowIdOf } = await import('./temporal/start-training.ts');
  const { startLink } = await import('./temporal/ui-link.ts');
  const form = startLink(temporalUi, profileNamespace(folder, input.site), workflowIdOf(input));
  process.stderr.write(`Start it in the Temporal UI: ${form}\n`);
}

interface Start {
  readonly temporal: import('./temporal/connect.ts').TemporalClient;
  readonly input: TrainModelInput;
  readonly clientFile: ClientFile;
  readonly progress: Progress;
  readonly options: RunOptions;
  readonly hooks: RunHooks;
}

async function startAndWatch({ temporal, input, clientFile, progress, options, hooks }: Start): Promise<RunEnd> {
  const { startTraining } = await import('./temporal/start-training.ts');
  const { uiLink } = await import('./temporal/ui-link.ts');
  const started = await startTraining(temporal, input);
  const links = {
    workflowId: started.workflowId,
    ...uiLink(clientFile.temporalUi, temporal.namespace, started.workflowId, started.runId),
  };
  progress.say(`Run:  ${started.workflowId}${started.joined ? ' (it runs already; watching it)' : ''}`);
  if (options.detach) {
    if (options.json) printJson<StartedOutput>({ ok: true, ...started, ...links });
    else progress.say(`Look on with: edge-train watch ${started.workflowId}`);
    progress.end();
    return { exitCode: EXIT_CODE.done };
  }
  const watching = { temporal, started, links, progress, json: options.json ?? false };
  hooks.started?.(watching, input);
  return hooks.signal ? watchUntil(watching, hooks.signal) : watchToEnd(watching);
}
