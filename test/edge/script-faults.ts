import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WorkflowFailedError } from '@temporalio/client';
import { CancelledFailure, type ApplicationFailure } from '@temporalio/common';
import type { CompletedJob } from '../../domain/completed-job.ts';
import { Failure } from '../../domain/failure.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { readText } from '../../services/blob-storage.ts';
import { type Edge } from './edge.ts';
import { until } from '../support/until.ts';
import { planFor } from './plan.ts';

const MODEL = '/job/outputs/model';
const METRICS = '/job/outputs/mlruns/0/r1/metrics';
/** Leaves the script's session, and does not listen to systemd's TERM. */
const DAEMON = `setsid sh -c 'trap "" TERM; while :; do sleep 1; done' </dev/null >/dev/null 2>&1 &`;
const MODEL_FILES = `mkdir -p ${MODEL}; echo x >${MODEL}/MLmodel; python3 -c 'import pickle; pickle.dump(1, open("${MODEL}/model.pkl", "wb"))'`;

interface Fault {
  readonly what: string;
  readonly command: string;
  readonly seconds?: number;
  readonly class: Failure['class'];
  readonly type: string;
  readonly cause: RegExp;
  readonly nextStep: RegExp;
  /** What the user finds in the log. */
  readonly log?: RegExp;
}

/** What ends the script itself. */
const ENDS: Fault[] = [
  {
    what: 'a missing file',
    command: 'python3 absent.py',
    ...{ class: 'script', type: 'ScriptFailed', cause: /exit code 2/, nextStep: /edge-train logs/ },
    log: /can't open file .*absent\.py/,
  },
  {
    what: 'a syntax error',
    command: 'echo "def (" >broken.py; python3 broken.py',
    ...{ class: 'script', type: 'ScriptFailed', cause: /exit code 1\b/, nextStep: /edge-train logs/ },
    log: /SyntaxError/,
  },
  {
    what: 'exit code 1',
    command: 'exit 1',
    ...{ class: 'script', type: 'ScriptFailed', cause: /exit code 1\b/, nextStep: /not tried again/ },
  },
  {
    what: 'exit code 137',
    command: 'exit 137',
    ...{ class: 'script', type: 'ScriptFailed', cause: /exit code 137/, nextStep: /not tried again/ },
  },
  {
    what: 'a KILL of its own',
    command: 'kill -9 $$',
    ...{ class: 'script', type: 'ScriptFailed', cause: /signal KILL/, nextStep: /not tried again/ },
  },
  {
    what: 'more memory than it has',
    command: 'python3 -c "x = bytearray(600 << 20)"',
    ...{
      class: 'quota',
      type: 'OutOfMemory',
      cause: /out of memory at 0\.\d of 0\.\d GiB/,
      nextStep: /VM size|larger VM/,
    },
  },
  {
    what: 'more threads than it may have',
    command: `python3 -c "import threading, time
for _ in range(1100): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"`,
    ...{
      class: 'script',
      type: 'TooManyTasks',
      cause: /refused a process or thread \d+ times/,
      nextStep: /num_workers/,
    },
  },
  {
    what: 'no ear for TERM when its time is over',
    command: 'trap "" TERM; echo begun; while :; do sleep 1; done',
    seconds: 12,
    ...{ class: 'script', type: 'TimedOut', cause: /ran for 12 s/, nextStep: /limits\.timeout/ },
    log: /begun/,
  },
];

/** A script that says 0, and what it left is no model. */
const MODELS: Fault[] = [
  {
    what: 'no model',
    command: 'true',
    ...{ class: 'script', type: 'NoModel', cause: /exit code 0.*no file/, nextStep: /model\.path/ },
  },
  {
    what: 'two models',
    command: `for m in a b; do mkdir -p ${MODEL}/$m; echo x >${MODEL}/$m/MLmodel; done`,
    ...{ class: 'script', type: 'AmbiguousModel', cause: /2 models/, nextStep: /model\.path/ },
  },
  {
    what: 'a model of zero bytes',
    command: `${MODEL_FILES}; : >${MODEL}/model.pkl`,
    ...{ class: 'script', type: 'EmptyModel', cause: /1 of 2 files/, nextStep: /full disk/ },
  },
];

/** Each ends truthfully, with its class and what to do next, and leaves the VM clean. All on one VM, several at once. */
export function scriptFaults(given: () => Edge): void {
  describe('a script with', { concurrency: 4, timeout: 400_000 }, () => {
    let count = 0;
    const newPlan = (command: string, seconds?: number): TrainingPlan => {
      const plan = planFor((++count).toString(16).padStart(20, '5'), command, seconds);
      return { ...plan, model: { ...plan.model, type: 'mlflow_model' } };
    };

    for (const fault of ENDS) {
      it(`${fault.what} fails`, async () => {
        const [edge, plan] = [given(), newPlan(fault.command, fault.seconds)];
        assertFailure(await edge.failureOf(await edge.trainPlan(plan)), fault);
        if (fault.log) assert.match(await edge.log(plan.job), fault.log);
        await assertClean(edge, plan.job);
      });
    }

    for (const fault of MODELS) {
      it(`${fault.what} is refused before anything leaves`, async () => {
        const [edge, plan] = [given(), newPlan(fault.command)];
        await trained(edge, plan);
        assertFailure(await edge.failureOf(await edge.begin('inspectOutputs', { plan })), fault);
        // What the next step promises to be on site is there.
        await edge.ask('keepOutputs', { plan, grants: [await edge.siteGrant()] });
        if (fault.what === 'two models') {
          const kept = `runs/${plan.job}/outputs/model/b/MLmodel`;
          assert.equal(await readText(edge.site.account.container('runs'), kept), 'x\n');
        }
        await assertClean(edge, plan.job);
      });
    }

    it('a metric that is no number completes, and the metric is none', async () => {
      const edge = given();
      const store = `mkdir -p ${METRICS}; printf "run_id: r1\\n" >${METRICS}/../meta.yaml; printf "9 nan 3\\n" >${METRICS}/loss`;
      const plan = newPlan(`${store}; ${MODEL_FILES}`);
      const { metrics, endedAt } = await trained(edge, plan);
      assert.deepEqual(metrics, [{ name: 'loss', value: null, step: 3, timestamp: Date.parse(endedAt) }]);
      await edge.ask('inspectOutputs', { plan });
      await assertClean(edge, plan.job);
    });

    it('a daemon that it leaves completes as its script did, and the daemon is gone', async () => {
      const [edge, good, bad] = [given(), newPlan(`${DAEMON} ${MODEL_FILES}`), newPlan(`${DAEMON} exit 4`)];
      const failed = edge.trainPlan(bad).then((call) => edge.failureOf(call));
      assert.equal((await trained(edge, good)).exitCode, 0);
      assert.match((await failed).message, /exit code 4/);
      await edge.ask('inspectOutputs', { plan: good });
      await assertClean(edge, good.job);
      await assertClean(edge, bad.job);
    });

    it('1 GB of output completes, and its log is cut at the site’s limit and says so', async () => {
      const [edge, plan] = [given(), newPlan('yes 0123456789abcdef | head -c 1000000000', 900)];
      await trained(edge, plan);
      const log = await edge.log(plan.job);
      assert.ok(log.length < edge.machine.config.policy.maxLogBytes + 200, `${log.length} characters on site`);
      assert.match(log, /reached the site's limit; what follows is dropped\n$/);
      await assertClean(edge, plan.job);
    });

    it('no ear for TERM when it is cancelled is ended all the same', async () => {
      const [edge, plan] = [given(), newPlan(`${DAEMON} trap "" TERM; echo begun; while :; do sleep 1; done`)];
      const call = await edge.trainPlan(plan);
      await until('the first line on site', async () => (await edge.log(plan.job)) === 'begun\n');
      assert.notEqual(await processes(edge, plan.job), '', 'the look finds processes where there are some');
      await call.cancel();
      await assert.rejects(
        call.result(),
        (error) => error instanceof WorkflowFailedError && error.cause instanceof CancelledFailure,
      );
      await assertClean(edge, plan.job);
    });
  });
}

async function trained(edge: Edge, plan: TrainingPlan): Promise<CompletedJob> {
  return (await (await edge.trainPlan(plan)).result()) as CompletedJob;
}

function assertFailure(error: ApplicationFailure, wanted: Fault): void {
  const failure = Failure.parse(error.details?.[0]);
  assert.deepEqual([failure.class, failure.type, error.nonRetryable], [wanted.class, wanted.type, true], failure.cause);
  assert.match(failure.cause, wanted.cause);
  assert.match(failure.nextStep, wanted.nextStep);
}

/** No process is left at once; after the job was cleaned, nothing on the VM has its name any more. */
async function assertClean(edge: Edge, job: string): Promise<void> {
  assert.equal(await processes(edge, job), '', 'its processes');
  assert.ok(['inactive', 'failed'].includes(await edge.unitState(job)));
  await edge.ask('cleanJob', job);
  // Folders of other jobs go while it walks; then it has not seen all, and walks again.
  const files = `until found=$(find / /run -xdev -name '*${job}*' 2>/dev/null); do sleep 0.1; done; printf %s "$found"`;
  assert.equal(await edge.machine.sh(files), '', 'its files');
  assert.equal(await edge.machine.sh(`systemctl list-units --all --plain --no-legend '*${job}*'`), '', 'its units');
}

const processes = (edge: Edge, job: string): Promise<string> =>
  edge.machine.sh(`grep -ls 'edge-train-job@${job}' /proc/[0-9]*/cgroup || true`);
