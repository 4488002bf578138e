import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { send, startFixture, token, type Answer, type Fixture } from './fixture.ts';
import { machinesDouble } from './machines-double.ts';

let sandbox: Fixture;
let trackingUri: string;

before(async () => {
  sandbox = await startFixture(machinesDouble());
  const { subscription, resourceGroup, workspace } = sandbox.config.azure;
  const path = `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.MachineLearningServices/workspaces/${workspace}`;
  const headers = { authorization: `Bearer ${await token(sandbox, 'azure')}` };
  const { body } = await send(sandbox.ca, 'GET', `${sandbox.azure}${path}?api-version=2022-10-01`, { headers });
  trackingUri = (body as { properties: { mlFlowTrackingUri: string } }).properties.mlFlowTrackingUri;
});

after(() => sandbox[Symbol.asyncDispose]());

describe('MLflow at the tracking URI', () => {
  it('records a run: parameters once, metrics with history, found by tag', async () => {
    const { experiment_id } = (await call('POST', 'experiments/create', { name: 'risk' })).body as {
      experiment_id: string;
    };
    const again = await call('POST', 'experiments/create', { name: 'risk' });
    assert.deepEqual(
      [again.status, (again.body as { error_code: string }).error_code],
      [400, 'RESOURCE_ALREADY_EXISTS'],
    );
    const missing = await call('GET', 'experiments/get-by-name?experiment_name=none');
    assert.deepEqual(
      [missing.status, (missing.body as { error_code: string }).error_code],
      [404, 'RESOURCE_DOES_NOT_EXIST'],
    );
    const { run } = (
      await call('POST', 'runs/create', { experiment_id, start_time: 1, tags: [{ key: 'job', value: 'abc' }] })
    ).body as { run: { info: { run_id: string } } };
    const { run_id } = run.info;
    const metrics = [0, 1, 2].map((step) => ({
      key: 'loss/train',
      value: 1 / (step + 1),
      timestamp: 1000 + step,
      step,
    }));
    assert.equal(
      (await call('POST', 'runs/log-batch', { run_id, metrics, params: [{ key: 'C', value: '1.0' }] })).status,
      200,
    );
    assert.equal(
      (await call('POST', 'runs/log-metric', { run_id, key: 'nan', value: 'NaN', timestamp: 1 })).status,
      200,
    );
    const changed = await call('POST', 'runs/log-batch', {
      run_id,
      params: [{ key: 'C', value: '2.0' }],
      tags: [{ key: 'not', value: 'kept' }],
    });
    assert.equal((changed.body as { error_code: string }).error_code, 'INVALID_PARAMETER_VALUE');
    assert.equal((await call('POST', 'runs/update', { run_id, status: 'FINISHED', end_time: 2000 })).status, 200);
    const found = (
      await call('POST', 'runs/search', {
        experiment_ids: [experiment_id],
        filter: "tags.job = 'abc' and attributes.status = 'FINISHED'",
      })
    ).body as {
      runs: { data: { metrics: { key: string; value: unknown }[]; params: unknown[]; tags: { key: string }[] } }[];
    };
    assert.equal(found.runs.length, 1);
    const { data } = found.runs[0]!;
    assert.deepEqual(
      data.metrics.map(({ key, value }) => [key, value]),
      [
        ['loss/train', 1 / 3],
        ['nan', 'NaN'],
      ],
    );
    assert.ok(!data.tags.some(({ key }) => key === 'not'), 'a refused batch leaves nothing');
    const first = (
      await call(
        'GET',
        `metrics/get-history?run_id=${run_id}&metric_key=${encodeURIComponent('loss/train')}&max_results=2`,
      )
    ).body as { metrics: unknown[]; next_page_token: string };
    const second = (
      await call(
        'GET',
        `metrics/get-history?run_id=${run_id}&metric_key=${encodeURIComponent('loss/train')}&max_results=2&page_token=${first.next_page_token}`,
      )
    ).body as { metrics: unknown[] };
    assert.deepEqual([...first.metrics, ...second.metrics], metrics);
    await call('POST', 'runs/log-batch', { run_id, metrics: metrics.slice(1, 2) });
    const history = `metrics/get-history?run_id=${run_id}&metric_key=${encodeURIComponent('loss/train')}`;
    const { body } = await call('GET', history);
    assert.deepEqual((body as { metrics: unknown[] }).metrics, [...metrics, metrics[1]], 'what is sent twice is seen');
  });

  it('refuses a bad filter, an unknown member, an unknown route and a foreign token', async () => {
    assert.equal(
      (await call('POST', 'runs/search', { experiment_ids: ['1'], filter: "tags.job = 'a' or 1" })).status,
      400,
    );
    assert.equal((await call('POST', 'runs/search', { experiment_ids: ['1'], colour: 'red' })).status, 400);
    assert.equal((await call('POST', 'model-versions/create', {})).status, 501);
    assert.equal(
      (await call('GET', 'experiments/get?experiment_id=1', undefined, await token(sandbox, 'stackHub'))).status,
      401,
    );
  });
});

async function call(method: string, path: string, body?: unknown, bearer?: string): Promise<Answer> {
  const url = `${trackingUri.replace('azureml://', 'https://')}/api/2.0/mlflow/${path}`;
  return send(sandbox.ca, method, url, {
    headers: { authorization: `Bearer ${bearer ?? (await token(sandbox, 'azure'))}` },
    body,
  });
}
