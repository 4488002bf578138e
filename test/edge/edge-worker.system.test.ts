import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { WorkflowFailedError } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import type { CompletedJob } from '../../domain/completed-job.ts';
import { Failure } from '../../domain/failure.ts';
import { NOTHING_PUBLISHED, type MetricsBatch } from '../../domain/metric-stream.ts';
import { ReleasePolicy, type Inspection, type Release } from '../../domain/release.ts';
import type { Hello } from '../../domain/virtual-machine.ts';
import { putIfAbsent, readText, replaceText } from '../../services/blob-storage.ts';
import { recipeDigest } from '../../services/release-decision.ts';
import { sha256 } from '../../services/signing.ts';
import { startEdge, type Edge } from './edge.ts';
import { until } from '../support/until.ts';
import { environment, planFor } from './plan.ts';
import { scriptFaults } from './script-faults.ts';

describe('the edge worker on a VM', () => {
  let edge: Edge;
  before(async () => void (edge = await startEdge()), { timeout: 300_000 });
  after(() => edge?.close(), { timeout: 120_000 });

  it('dials out through the uplink alone, and says who it is', async () => {
    const hello = await edge.ask<Hello>('hello');
    const { kty, crv, x, y } = edge.machine.config.privateKey;
    assert.equal(hello.bundle, edge.machine.bundle.digest);
    assert.equal(hello.bootId, (await edge.machine.sh('cat /run/edge-train/boot-id')).trim());
    assert.ok(Math.abs(Date.parse(hello.clock) - Date.now()) < 60_000);
    assert.deepEqual(hello.publicKey, { kty, crv, x, y });
    assert.ok(!('d' in hello.publicKey));
    assert.deepEqual([...new Set(edge.site.asked)], [edge.temporal.address]);
  });

  it('trains: log on site, parameters and last metrics from the folder store, outputs inspected, then nothing is left', async () => {
    const job = 'a'.repeat(20);
    const store = [
      'r=/job/outputs/mlruns/0/r1; mkdir -p $r/params $r/metrics/val $r/tags',
      'printf "run_id: r1\\nstart_time: 5\\n" >$r/meta.yaml; printf 7 >$r/params/depth',
      'printf "1000 0.5 1\\n2000 0.7512345678 2\\n" >$r/metrics/val/accuracy; printf "1 1 1\\n" >"$r/metrics/patient 842517"',
      'echo "$TEST $AZUREML_RUN_ID $MLFLOW_TRACKING_URI"; echo 12345 >/job/outputs/model/model.json',
    ].join('\n');
    const release = ReleasePolicy.parse({ pickle: 'allow', tracking: { metrics: { names: 'learned' } } });
    const plan = { ...planFor(job, store), release };
    const learned = JSON.stringify({ job: 'b'.repeat(20), names: ['val/accuracy'] });
    await putIfAbsent(edge.site.account.container('runs'), `learned/${recipeDigest(plan)}.json`, learned);
    const completed = (await (await edge.trainPlan(plan)).result()) as CompletedJob;
    assert.deepEqual(
      { ...completed, startedAt: '', endedAt: '', bootId: '', cage: undefined },
      {
        job,
        exitCode: 0,
        starts: 1,
        startedAt: '',
        endedAt: '',
        bootId: '',
        cage: undefined,
        parameters: { depth: '7' },
        // As far as the site lets them say it: six digits, and the VM's time.
        metrics: [{ name: 'val/accuracy', value: 0.751235, step: 2, timestamp: Date.parse(completed.endedAt) }],
        withheld: 1, // what no release of the recipe has told
        log: `runs/${job}/job.log`,
      },
    );
    assert.ok((completed.cage?.tried.length ?? 0) > 50, 'what the cage’s check tried');
    const unit = '/etc/systemd/system/edge-train-job@.service';
    assert.equal(completed.cage?.files[unit], (await edge.machine.sh(`sha256sum ${unit}`)).split(' ')[0]);
    assert.equal(await edge.log(job), `yes ${job} file:///job/outputs/mlruns\n`);
    const batch = await edge.ask<MetricsBatch>('readMetrics', { plan, after: NOTHING_PUBLISHED, ended: false });
    assert.deepEqual(
      batch.points.map(({ name, step, value }) => [name, step, value]),
      [
        ['val/accuracy', 1, 0.5],
        ['val/accuracy', 2, 0.751235],
      ],
    );
    assert.equal(batch.ended, true);
    const kept = (await readText(edge.site.account.container('runs'), `runs/${job}/metrics.jsonl`)) ?? '';
    assert.match(kept, /"value":0\.7512345678,"step":2/, 'on site it is whole');
    const inspection = await edge.ask<Inspection>('inspectOutputs', { plan });
    assert.deepEqual(
      inspection.artifacts.map(({ path, bytes }) => ({ path, bytes })),
      [{ path: 'model.json', bytes: 6 }],
    );
    await edge.ask('keepOutputs', { plan, grants: [await edge.siteGrant()] });
    assert.equal(
      await readText(edge.site.account.container('runs'), `runs/${job}/outputs/model/model.json`),
      '12345\n',
    );
    await edge.ask('cleanJob', job);
    await edge.ask('cleanJob', job);
    assert.equal((await edge.machine.exec(['test', '-e', `/var/lib/edge-train/jobs/${job}`])).code, 1);
  });

  it('releases what it has written anew, also after the outputs came back from the site, and keeps the script’s own file there', async () => {
    const job = '4'.repeat(20);
    const own = '{ "weights" : [1.50, 2],\n  "note": "a" }';
    const anew = '{"weights":[1.5,2],"note":"a"}\n';
    const command = `printf '%s' '${own}' >/job/outputs/model/model.json; printf '# P-1\\nnumpy<2\\n' >/job/outputs/model/requirements.txt`;
    await (await edge.train(job, command)).result();
    const plan = planFor(job, command);
    const inspection = await edge.ask<Inspection>('inspectOutputs', { plan });
    const [model, requirements] = inspection.artifacts;
    assert.deepEqual([model?.bytes, model?.sha256], [anew.length, sha256(anew)]);
    assert.equal(requirements?.sha256, sha256('numpy<2\n'));
    assert.deepEqual(
      inspection.verdicts.map(({ form }) => form),
      [own.length, 14].map((before) => ({ written: 'anew', before })),
    );
    await edge.ask('keepOutputs', { plan, grants: [await edge.siteGrant()] });
    const kept = edge.site.account.container('runs');
    assert.equal(await readText(kept, `runs/${job}/outputs/model/model.json`), own);

    await edge.ask('cleanJob', job);
    await edge.ask('restoreOutputs', { plan, inspection, grants: [await edge.siteGrant()] });
    const grants = [await edge.artifactGrant(job, inspection)];
    const early = await edge.failureOf(await edge.begin('releaseArtifacts', { plan, inspection, grants }));
    assert.equal(early.type, 'NotInspected', 'this VM has forgotten it');
    assert.deepEqual(await edge.ask('inspectOutputs', { plan }), inspection);
    const release = await edge.ask<Release>('releaseArtifacts', { plan, inspection, grants });
    assert.equal(await readText(kept, `released/${job}/model.json`), anew);
    assert.equal(release.destination, `${edge.site.blobEndpoint}/runs/released/${job}/`);

    await edge.ask('cleanJob', job);
    const forged = `runs/${job}/outputs/model/model.json`;
    await replaceText(kept, forged, own.replace('2', '3'), 'application/json');
    const request = { plan, inspection, grants: [await edge.siteGrant()] };
    const failed = await edge.failureOf(await edge.begin('restoreOutputs', request));
    assert.equal(failed.type, 'ArtifactDiffers');
  });

  it(
    'goes on where it was when the worker is killed or restarted: no second is repeated',
    { timeout: 240_000 },
    async () => {
      const job = 'b'.repeat(20);
      const plan = planFor(job, 'for i in $(seq 20); do echo "line $i"; sleep 1; done');
      const handle = await edge.trainPlan(plan, '10 minutes');
      const unit = `edge-train-worker@${edge.machine.bundle.digest.slice(0, 12)}`;
      await until('line 3 on site', async () => (await edge.log(job)).includes('line 3\n'));
      await edge.machine.sh(`systemctl kill -s KILL ${unit}`);
      // By the next worker: no heartbeat has been missed.
      await until('its step is tried again', async () => {
        const [step] = (await handle.describe()).raw.pendingActivities ?? [];
        return step?.lastFailure?.applicationFailureInfo?.type === 'WorkerRestarted' && (step.attempt ?? 0) > 1;
      });
      await until('line 8 on site', async () => (await edge.log(job)).includes('line 8\n'));
      await edge.machine.sh(`systemctl restart ${unit}`);
      const completed = (await handle.result()) as CompletedJob;
      assert.equal(completed.starts, 1);
      assert.equal(await edge.log(job), Array.from({ length: 20 }, (_, i) => `line ${i + 1}\n`).join(''));
    },
  );

  it('stops the script when the run is cancelled, and keeps what it said', async () => {
    const job = 'c'.repeat(20);
    const handle = await edge.train(job, 'echo begun; sleep 600');
    await until('the first line on site', async () => (await edge.log(job)) === 'begun\n');
    await handle.cancel();
    await assert.rejects(
      handle.result(),
      (error) => error instanceof WorkflowFailedError && error.cause instanceof CancelledFailure,
    );
    assert.ok(['inactive', 'failed'].includes(await edge.unitState(job)));
  });

  it('says whose turn it is when a script fails, and nothing of what it printed', async () => {
    const failed = await edge.failureOf(await edge.train('d'.repeat(20), 'echo SECRET-ROW >&2; exit 3'));
    assert.deepEqual([failed.type, failed.nonRetryable], ['ScriptFailed', true]);
    assert.match(failed.message, /exit code 3/);
    assert.doesNotMatch(JSON.stringify(failed), /SECRET-ROW/);
    assert.equal(await edge.log('d'.repeat(20)), 'SECRET-ROW\n');

    const late = await edge.failureOf(await edge.train('e'.repeat(20), 'sleep 600', 1));
    assert.equal(late.type, 'TimedOut');
    const large = await edge.failureOf(await edge.train('f'.repeat(20), 'python3 -c "x = bytearray(600 << 20)"'));
    assert.equal(large.type, 'OutOfMemory');
    const greedy = await edge.failureOf(await edge.train('1'.repeat(20), 'true', 999_999));
    assert.deepEqual([greedy.type, greedy.nonRetryable], ['PolicyRefused', true]);
  });

  it('refuses a grant that has run out, so that the workflow grants anew', async () => {
    const handle = await edge.begin('runTrainingJob', {
      plan: planFor('2'.repeat(20), 'true'),
      environment,
      grants: [await edge.siteGrant(new Date(Date.now() - 1000))],
    });
    assert.equal((await edge.failureOf(handle)).type, 'GrantExpired');
  });

  it('a VM that reboots under it starts it again, at most 3 times in all', { timeout: 400_000 }, async () => {
    const job = '3'.repeat(20);
    const handle = await edge.train(
      job,
      'echo "start $(cat checkpoint 2>/dev/null)"; echo x >>checkpoint; sync; sleep 600',
      3000,
    );
    for (let starts = 1; starts <= 3; starts++) {
      const begun = async () => (await edge.log(job)).match(/^start/gm)?.length === starts;
      await until(`start ${starts} on site`, begun);
      await edge.machine.stop();
      await edge.machine.start();
    }
    const failed = await edge.failureOf(handle);
    const { class: failureClass, cause, nextStep } = Failure.parse(failed.details?.[0]);
    assert.deepEqual([failureClass, failed.type, failed.nonRetryable], ['host', 'JobInterrupted', true]);
    assert.match(cause, /3 times/);
    assert.match(nextStep, /why the VM restarts/);
    assert.match(await edge.log(job), /^start \nstart x\nstart x\nx\n$/, 'what it wrote is there at the next start');
  });

  scriptFaults(() => edge);
});
