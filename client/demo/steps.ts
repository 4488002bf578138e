import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { TrainModelResult } from '../../domain/train-model-result.ts';
import type { RunEnd } from '../run/watch-to-end.ts';
import type { SandboxInfo } from '../sandbox/sandbox-info.ts';
import { startSandbox } from '../sandbox/start.ts';
import { stateOption, type StatePaths } from '../sandbox/state-paths.ts';
import { stopSandbox } from '../sandbox/stop.ts';
import { openDocker } from './docker.ts';
import { predictionLines, score, scoringCommand } from './predict.ts';
import { pullImage } from './pull-image.ts';
import { removeServing, serve, servingCommand } from './serve.ts';
import { destinationNames, leftBy, uplinkLines } from './uplink-log.ts';

const HOUR = 3_600_000;

const say = (text: string) => process.stdout.write(`${text}\n`);

/** What `npm start` does, one after the other. Each may be done again after having been killed at any place. */
export function demoSteps(paths: StatePaths, example: string) {
  const sample = join(example, 'sample.json');
  let started: SandboxInfo | undefined;
  return {
    async start(): Promise<SandboxInfo> {
      say('Starting the sandbox: Azure, Temporal and a worker on this machine');
      started = await startSandbox(paths, (line) => say(`  ${line}`));
      say(`  Temporal UI: ${started.temporal.ui}`);
      return started;
    },

    async train(signal: AbortSignal): Promise<RunEnd> {
      signal.throwIfAborted();
      say('\nTraining examples/breast-cancer');
      const { train } = await import('../run.ts');
      return train(join(example, 'training.yml'), { config: paths.folder, input: [] }, { signal });
    },

    /** Runs the image as anyone would who has only its digest, and asks it about rows that training held out. */
    async predict(info: SandboxInfo, result: TrainModelResult, signal: AbortSignal): Promise<void> {
      say('\nPredicting with a container of the image that was pushed');
      await using docker = openDocker(info.docker.host, paths.docker, signal);
      await pullImage(docker, info, result.image);
      const address = await serve(docker, result.image, paths.folder, signal);
      const predictions = await score(address, sample, signal);
      for (const line of await predictionLines(predictions, join(example, 'sample-truth.json'))) say(line);
      await removeServing(docker, paths.folder);
    },

    /** Holds everything up until Ctrl-C. */
    async keepUp(info: SandboxInfo, { image }: TrainModelResult, signal: AbortSignal): Promise<void> {
      say(`\nEverything stays up until Ctrl-C. The Temporal UI:\n  ${info.temporal.ui}`);
      say(`Run the image:\n  ${servingCommand(info.docker.host, image)}`);
      say(`And ask it, from another terminal:\n  ${scoringCommand(sample)}`);
      while (!signal.aborted) await pause(HOUR, undefined, { signal }).catch(() => undefined);
    },

    async stop(): Promise<void> {
      say('\nStopping');
      await stopSandbox(paths, (line) => say(`  ${line}`));
    },

    /** The uplink has closed its last tunnel by now, so its log is whole. */
    async tellUplink(since: number, kept: boolean): Promise<void> {
      if (!started) return;
      const destinations = await leftBy(started.uplink.accessLog, since);
      for (const line of uplinkLines(destinations, destinationNames(started))) say(line);
      say(`Nothing runs any more. What was made stays in ${paths.folder}`);
      say(`until: bin/edge-train sandbox reset${stateOption(paths)}`);
      if (!kept) say('To see it in the Temporal UI and run the image yourself: npm start -- --keep');
    },
  };
}
