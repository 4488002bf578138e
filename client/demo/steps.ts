import { join } from 'node:path';
import type { TrainModelResult } from '../../domain/train-model-result.ts';
import type { RunEnd } from '../run/watch-to-end.ts';
import type { SandboxInfo } from '../sandbox/sandbox-info.ts';
import { startSandbox } from '../sandbox/start.ts';
import { sandboxStatus } from '../sandbox/status.ts';
import type { StatePaths } from '../sandbox/state-paths.ts';
import { stopSandbox } from '../sandbox/stop.ts';
import { openDocker } from './docker.ts';
import { predictionLines, score } from './predict.ts';
import { leftBy, uplinkLines } from './uplink-log.ts';
import { removeServing, serve, servingCommand } from './serve.ts';
import { pullImage } from './pull-image.ts';

const say = (text: string) => process.stdout.write(`${text}\n`);

/** What `npm start` does, one after the other. Each may be done again after having been killed at any place. */
export function demoSteps(paths: StatePaths, example: string) {
  let uplink: SandboxInfo['uplink'] | undefined;
  let host: string | undefined;
  return {
    /** Containers of a demo that was killed. Where no Docker answers, none runs. */
    async removeLeftovers(): Promise<void> {
      const { info } = await sandboxStatus(paths);
      await removeServing(openDocker(info?.docker.host), paths.folder).catch(() => undefined);
    },

    async start(): Promise<SandboxInfo> {
      say('Starting the sandbox: Azure, Temporal and a worker on this machine');
      const info = await startSandbox(paths, (line) => say(`  ${line}`));
      uplink = info.uplink;
      host = info.docker.host;
      say(`  Temporal UI: ${info.temporal.ui}`);
      return info;
    },

    async train(): Promise<RunEnd> {
      say('\nTraining examples/breast-cancer');
      const { train } = await import('../run.ts');
      return train(join(example, 'training.yml'), { config: paths.folder, input: [] });
    },

    /** Runs the image as anyone would who has only its digest, and asks it about rows that training held out. */
    async predict(info: SandboxInfo, result: TrainModelResult, signal: AbortSignal): Promise<void> {
      say('\nPredicting with a container of the image that was pushed');
      await using docker = openDocker(info.docker.host, signal);
      await pullImage(docker, info, result.image);
      const address = await serve(docker, result.image, paths.folder, signal);
      try {
        const predictions = await score(address, join(example, 'sample.json'), signal);
        for (const line of await predictionLines(predictions, join(example, 'sample-truth.json'))) say(line);
      } finally {
        await removeServing(openDocker(info.docker.host), paths.folder);
      }
    },

    /** Holds everything up until Ctrl-C. */
    async keepUp(info: SandboxInfo, { image }: TrainModelResult, signal: AbortSignal): Promise<void> {
      say(`\nEverything stays up until Ctrl-C.\n  Temporal UI   ${info.temporal.ui}`);
      say(`  Run the image ${servingCommand(info.docker.host, image)}`);
      if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    },

    async stop(): Promise<void> {
      say('\nStopping');
      if (host !== undefined || uplink !== undefined)
        await removeServing(openDocker(host), paths.folder).catch(() => undefined);
      await stopSandbox(paths, (line) => say(`  ${line}`));
    },

    /** The uplink has closed its last tunnel by now, so its log is whole. */
    async tellUplink(since: number): Promise<void> {
      if (!uplink) return;
      for (const line of uplinkLines(await leftBy(uplink.accessLog, since))) say(line);
      say('Nothing runs any more. What was made stays until: edge-train sandbox reset');
    },
  };
}
