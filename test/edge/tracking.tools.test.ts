import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { EdgeDependencies } from '../../activities/edge/dependencies.ts';
import { trackingServerBuild } from '../../activities/edge/tracking-server.ts';
import { curvesOf } from '../../client/metrics/curves.ts';
import type { CompletedJob, PreparedEnvironment } from '../../domain/completed-job.ts';
import { canonicalEnvironment, type EnvironmentPlan } from '../../domain/environment.ts';
import type { Inspection } from '../../domain/release.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { sha256 } from '../../services/signing.ts';
import { until } from '../support/until.ts';
import { startEdge, type Edge } from './edge.ts';
import { environment, planFor } from './plan.ts';

const JOBS = '/var/lib/edge-train/jobs';
/** MLflow's clients of both kinds, with a library that they log of themselves. */
const CLIENTS: Record<string, readonly string[]> = {
  'MLflow 2': ['mlflow>=2.22,<3', 'scikit-learn~=1.5.0', 'numpy<2', 'pandas~=1.5.3'],
  'MLflow 3': ['mlflow==3.17.2', 'scikit-learn~=1.5.0'],
};
const script = (name: string) => readFile(join(import.meta.dirname, 'tracking', name), 'utf8');

describe('a job’s MLflow tracking server', () => {
  let edge: Edge;
  before(async () => void (edge = await startEdge({ packages: true })), { timeout: 300_000 });
  after(() => edge?.close(), { timeout: 120_000 });

  let count = 0;
  const newPlan = (client: string, command: string, seconds = 300): TrainingPlan => {
    const job = (++count).toString(16).padStart(20, 'a');
    const plan = planFor(job, command, seconds);
    const wanted = environmentOf(client, CLIENTS[client] ?? []);
    return { ...plan, environment: wanted, limits: { ...plan.limits, memoryMiB: 1024 } };
  };
  const train = async (plan: TrainingPlan) => {
    const prepared = await edge.ask<PreparedEnvironment>('prepareEnvironment', { plan });
    return edge.begin('runTrainingJob', { plan, environment: prepared, grants: [await edge.siteGrant()] });
  };
  const server = async (job: string) => {
    const asked = ['systemctl', 'show', '-p', 'ActiveState', '--value', `edge-train-tracking@${job}.service`];
    return (await edge.machine.exec(asked)).stdout.trim();
  };

  for (const client of Object.keys(CLIENTS)) {
    it(
      `takes what a client of ${client} logs: of itself, nested, files, models, many at once`,
      { timeout: 600_000 },
      async () => {
        const plan = newPlan(client, `python - <<'END'\n${await script('logs-everything.py')}END`);
        const completed = (await (await train(plan)).result().catch(async (error: unknown) => {
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
        assert.ok(paths.includes(`1/${plan.job}/metrics/last`), 'to the job’s own run');
        await assertCleaned(plan.job);
      },
    );
  }

  it('gives the model that a script only logged, and no other file', { timeout: 600_000 }, async () => {
    const logs = (calls: string) =>
      `python - <<'END'\nimport mlflow\nfrom sklearn.linear_model import LogisticRegression\nmodel = LogisticRegression().fit([[0], [1]], [0, 1])\nwith mlflow.start_run():\n    ${calls}\nEND`;
    const one = `mlflow.log_dict({}, "other.json"); mlflow.sklearn.log_model(model, "m")`;
    for (const client of Object.keys(CLIENTS)) {
      const given = newPlan(client, logs(one));
      const plan = { ...given, model: { ...given.model, type: 'mlflow_model' as const } };
      await (await train(plan)).result();
      const { artifacts } = await edge.ask<Inspection>('inspectOutputs', { plan });
      const paths = artifacts.map(({ path }) => path);
      const told = String(paths);
      assert.ok(paths.includes('MLmodel') && paths.some((path) => /^model\.(pkl|skops)$/.test(path)), told);
      assert.ok(!told.includes('other.json'), told);
      await assertCleaned(plan.job);
    }
    const given = newPlan('MLflow 3', logs(`${one}; mlflow.sklearn.log_model(model, "n")`));
    const two = { ...given, model: { ...given.model, type: 'mlflow_model' as const } };
    await (await train(two)).result();
    const refused = await edge.failureOf(await edge.begin('inspectOutputs', { plan: two }));
    assert.deepEqual([refused.type, /logged with MLflow: 2 models/.test(refused.message)], ['NoModel', true]);
    await assertCleaned(two.job);
  });

  it('goes on after its server was killed, and after a reboot', { timeout: 400_000 }, async () => {
    const plan = newPlan('MLflow 3', `python - <<'END'\n${await script('patient.py')}END`, 900);
    const call = await train(plan);
    const work = `${JOBS}/${plan.job}/work`;
    const logs = async (step: number, times = 1) => {
      // The folder is not there at once.
      await until('it may go on', async () => (await edge.machine.exec(['touch', `${work}/go-${step}`])).code === 0);
      const logged = async () => (await edge.log(plan.job)).split(`logged ${step}\n`).length > times;
      await until(`step ${step} is logged`, logged, 120);
    };
    await logs(1);
    await edge.machine.sh(`systemctl kill -s KILL edge-train-tracking@${plan.job}.service`);
    await logs(2);
    await edge.machine.stop();
    await edge.machine.start();
    // The script begins anew, and logs to the same run.
    await logs(2, 2);
    await logs(3);
    await edge.machine.sh(`touch ${work}/end`);
    const completed = (await call.result()) as CompletedJob;
    assert.deepEqual([completed.starts, completed.metrics.map(({ value }) => value)], [2, [3]]);
    const store = `${JOBS}/${plan.job}/tracking/runs`;
    const counted = await edge.machine.sh(`cut -d' ' -f3 ${store}/1/${plan.job}/metrics/steps | tr '\\n' ' '`);
    assert.equal(counted, '1 2 1 2 3 ', 'of both starts, and of both servers');
    assert.equal(await edge.machine.sh(`ls -d ${store}/*/*/metrics | wc -l`), '1\n', 'one run');
    const site = edge.site.account.container('runs').getBlobClient(`runs/${plan.job}/metrics.jsonl`);
    const { curves } = curvesOf((await site.downloadToBuffer()).toString());
    assert.deepEqual(
      curves.map(({ points }) => points.map(({ step }) => step)),
      [[1, 2, 3]],
      'none twice in what is published',
    );
    await assertCleaned(plan.job);
  });

  it('leaves a script, another job and the worker nothing but its answers', { timeout: 600_000 }, async () => {
    const waits = newPlan('MLflow 3', 'until [ -e end ]; do sleep 0.1; done');
    const waiting = await train(waits);
    await until('the other job’s server runs', async () => (await server(waits.job)) === 'active');
    const pid = (await edge.machine.sh(`systemctl show -p MainPID --value edge-train-tracking@${waits.job}`)).trim();
    const plan = newPlan('MLflow 3', `python - ${waits.job} ${pid} <<'END'\n${await script('attempts.py')}END`);
    await (await train(plan)).result();
    const ended = JSON.parse((await edge.log(plan.job)).trim().split('\n').at(-1) ?? '') as object;
    assert.deepEqual(ended, {
      "another's socket": 'ENOENT',
      'own socket, by its path on the VM': 'ENOENT',
      'own store': 'ENOENT',
      'a file beside the socket': 'EROFS',
      'another socket': 'EROFS',
      "another's server, signalled": 'EPERM',
      "another's server, looked into": 'ENOENT',
      'an artifact above the store': '400',
      'an artifact above the store, twice encoded': '400',
    });

    const socket = `${JOBS}/${waits.job}/relay/mlflow.sock`;
    const connect = `python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect("${socket}")'`;
    assert.equal((await edge.machine.exec(['sh', '-c', connect])).code, 0, 'it is there');
    for (const user of ['edgeadmin', 'nobody']) {
      const refused = await edge.machine.exec(['sh', '-c', connect], { user });
      assert.match(refused.stderr, /PermissionError/, user);
    }
    for (const attempt of [`rm ${socket}`, `mv ${socket} ${socket}2`, `touch ${JOBS}/${waits.job}/relay/x`]) {
      const tried = await edge.machine.exec(['sh', '-c', attempt], { user: 'edge-train' });
      assert.notEqual(tried.code, 0, attempt);
    }
    assert.equal(await edge.machine.sh(`stat -c '%U %G %a' ${socket}`), 'root edge-train-job 660\n');
    assert.equal(await edge.machine.sh(`tail -n +3 /proc/${pid}/net/dev | cut -d: -f1 | tr -d ' \\n'`), 'lo');
    assert.equal(
      await edge.machine.sh(`tail -n +2 /proc/${pid}/net/tcp /proc/${pid}/net/tcp6 | grep -c ' 0A ' || true`),
      '0\n',
    );
    await edge.machine.sh(`touch ${JOBS}/${waits.job}/work/end`);
    await waiting.result();
    await assertCleaned(waits.job);
    await assertCleaned(plan.job);
  });

  it('says so in the log, and soon, when its server cannot start', { timeout: 600_000 }, async () => {
    const trackingLock = join(import.meta.dirname, '../../workers/vm/tracking/requirements.txt');
    const { digest } = await trackingServerBuild({ trackingLock } as EdgeDependencies);
    const packages = `/var/lib/edge-train/environments/${digest}/lib/python3.*/site-packages`;
    await edge.machine.sh(`cd ${packages} && mv uvicorn away`);
    try {
      const plan = newPlan('MLflow 3', `python -c 'import mlflow; mlflow.log_metric("x", 1)'`);
      const failed = await edge.failureOf(await train(plan));
      assert.equal(failed.type, 'ScriptFailed');
      assert.match(await edge.log(plan.job), /^edge-train: this job's MLflow tracking server cannot be had/m);
      // Its truth is its exit code: one that can do without goes on.
      const goesOn = newPlan('MLflow 3', 'true');
      assert.equal(((await (await train(goesOn)).result()) as CompletedJob).exitCode, 0);
      await assertCleaned(plan.job);
      await assertCleaned(goesOn.job);
    } finally {
      await edge.machine.sh(`cd ${packages} && mv away uvicorn`);
    }
  });

  it('is not there for a job without MLflow', async () => {
    const plan = planFor('f'.repeat(20), 'ls /job; (echo >/dev/tcp/127.0.0.1/5000) 2>&1 | grep -o refused');
    const grants = [await edge.siteGrant()];
    await (await edge.begin('runTrainingJob', { plan, environment, grants })).result();
    assert.match(await edge.log(plan.job), /refused\n$/);
    assert.equal((await edge.machine.exec(['test', '-e', `${JOBS}/${plan.job}/relay`])).code, 1);
    assert.equal(await edge.machine.sh(`systemctl list-units --all --plain --no-legend '*tracking@${plan.job}*'`), '');
    await assertCleaned(plan.job);
  });

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
