import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { CompletedJob, PreparedEnvironment } from '../../domain/completed-job.ts';
import { canonicalEnvironment, type EnvironmentPlan } from '../../domain/environment.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { sha256 } from '../../services/signing.ts';
import { until } from '../support/until.ts';
import { startEdge, type Edge } from './edge.ts';
import { planFor } from './plan.ts';

const JOBS = '/var/lib/edge-train/jobs';
/** MLflow's clients of both kinds, with a library that they log of themselves. */
const CLIENTS: Record<string, readonly string[]> = {
  'MLflow 2': ['mlflow>=2.22,<3', 'scikit-learn~=1.5.0', 'numpy<2', 'pandas~=1.5.3'],
  'MLflow 3': ['mlflow==3.17.2', 'scikit-learn~=1.5.0'],
};
const script = (name: string) => readFile(join(import.meta.dirname, 'tracking', name), 'utf8');

describe('a job’s MLflow tracking server', () => {
  let edge: Edge;
  const environments = new Map<string, PreparedEnvironment>();
  before(
    async () => {
      edge = await startEdge({ packages: true });
      for (const [name, requirements] of Object.entries(CLIENTS)) {
        const plan = { ...planFor('0'.repeat(20), 'true'), environment: environmentOf(name, requirements) };
        environments.set(name, await edge.ask<PreparedEnvironment>('prepareEnvironment', { plan }));
      }
    },
    { timeout: 900_000 },
  );
  after(() => edge?.close(), { timeout: 120_000 });

  let count = 0;
  const newPlan = (client: string, command: string, seconds = 300): TrainingPlan => {
    const job = (++count).toString(16).padStart(20, 'a');
    const plan = planFor(job, command, seconds);
    const environment = environmentOf(client, CLIENTS[client] ?? []);
    return { ...plan, environment, limits: { ...plan.limits, memoryMiB: 1024 } };
  };
  const train = async (plan: TrainingPlan, client: string) => {
    const grants = [await edge.siteGrant()];
    return edge.begin('runTrainingJob', { plan, environment: environments.get(client), grants });
  };
  const server = async (job: string) => {
    const asked = ['systemctl', 'show', '-p', 'ActiveState', '--value', `edge-train-tracking@${job}.service`];
    return (await edge.machine.exec(asked)).stdout.trim();
  };

  for (const client of Object.keys(CLIENTS)) {
    it(
      `takes what a client of ${client} logs: of itself, nested, files, models, many at once`,
      { timeout: 300_000 },
      async () => {
        const plan = newPlan(client, `python - <<'END'\n${await script('logs-everything.py')}END`);
        const completed = (await (await train(plan, client)).result().catch(async (error: unknown) => {
          assert.fail(`${String(error)}\n${await edge.log(plan.job)}`);
        })) as CompletedJob;
        assert.equal(completed.parameters['C'], '0.5', 'autologged');
        assert.equal(completed.parameters['inner'], undefined, 'of a nested run');
        const metrics = Object.fromEntries(completed.metrics.map(({ name, value }) => [name, value]));
        assert.equal(metrics['last'], 99);
        assert.ok((metrics['training_accuracy_score'] ?? 0) > 0.5);
        assert.notEqual(await server(plan.job), 'active', 'nobody is left to log');

        await edge.ask('keepOutputs', { plan, grants: [await edge.siteGrant()] });
        const kept = new Map<string, number>();
        const runs = edge.site.account.container('runs');
        for await (const { name, properties } of runs.listBlobsFlat({ prefix: `runs/${plan.job}/mlruns/` }))
          kept.set(name.slice(`runs/${plan.job}/mlruns/`.length), properties.contentLength ?? 0);
        const paths = [...kept.keys()];
        assert.equal(kept.get(paths.find((path) => path.endsWith('/artifacts/big.bin')) ?? ''), 50 * 2 ** 20);
        assert.ok(paths.some((path) => path.endsWith('/MLmodel')));
        assert.ok(paths.some((path) => /^\d+\/[0-9a-f]{32}\/metrics\/last$/.test(path)));
        await assertCleaned(plan.job);
      },
    );
  }

  async function assertCleaned(job: string): Promise<void> {
    await edge.ask('cleanJob', job);
    assert.equal(await edge.machine.sh(`find / /run -xdev -name '*${job}*' 2>/dev/null || true`), '', 'its files');
    assert.equal(await edge.machine.sh(`systemctl list-units --all --plain --no-legend '*${job}*'`), '', 'its units');
  }
});

function environmentOf(name: string, requirements: readonly string[]): EnvironmentPlan {
  const digest = sha256(canonicalEnvironment('3.11', requirements));
  return { name, python: '3.11', requirements: [...requirements], digest };
}
