import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeJobRun } from '../../activities/edge/job-run.ts';
import { readTrackedRun } from '../../activities/edge/mlflow-store.ts';
import { Python } from '../support/python.ts';
import { planFor } from './plan.ts';

const JOB = 'a'.repeat(20);
/** What a script does at each of its starts, and which run it did it to. */
const SCRIPT = `
import json, os, sys
store, start = sys.argv[1], int(sys.argv[2])
os.environ.update(MLFLOW_TRACKING_URI="file://" + store, MLFLOW_ALLOW_FILE_STORE="true")
os.environ.update(MLFLOW_EXPERIMENT_NAME=sys.argv[3], MLFLOW_RUN_ID="${JOB}")
import mlflow
mlflow.log_metric("loss", 1 / start, step=start)
mlflow.log_param("p", 1)
run = mlflow.active_run().info
with mlflow.start_run(nested=True):
    mlflow.log_metric("loss", 99, step=99)
mlflow.log_dict({}, "a.json")
mlflow.end_run()
print(json.dumps([run.run_id, len(mlflow.search_runs(output_format="list"))]))
`;

for (const client of ['mlflow-skinny>=2.22,<3', 'mlflow-skinny==3.17.2'])
  test(
    `without more ado, ${client} logs to the job’s run in a folder, at each start`,
    { timeout: 240_000 },
    async () => {
      const python = new Python();
      try {
        await python.install(client);
        for (const experiment of ['rates', 'Default']) {
          const store = join(python.folder, experiment, 'mlruns');
          const plan = planFor(JOB, 'true');
          await makeJobRun(store, `file://${store}/`, { ...plan, run: { ...plan.run, experiment } });
          for (const start of [1, 2])
            assert.deepEqual(await python.ask(SCRIPT, store, String(start), experiment), [JOB, 1 + start]);
          const { parameters, metrics } = await readTrackedRun(store, JOB);
          assert.deepEqual([parameters, metrics.map(({ step, value }) => [step, value])], [{ p: '1' }, [[2, 0.5]]]);
        }
      } finally {
        python.remove();
      }
    },
  );
