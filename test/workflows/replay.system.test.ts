import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { DefaultLogger, Runtime, Worker, type ReplayResult } from '@temporalio/worker';
import { dataConverter } from '../../workers/data-converter.ts';
import { bundleWorkflows } from '../../workers/workflow-bundle.ts';

interface History {
  readonly events: { activityTaskScheduledEventAttributes?: { activityType: { name: string } } }[];
}

const folder = path.join(import.meta.dirname, 'histories');
const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
const historyOf = (name: string) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as History;

const KEYS = { keys: { one: Buffer.alloc(32, 7).toString('base64') }, current: 'one', required: false };

Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'OFF' } } });

for (const encrypted of [false, true])
  test(`every kept history replays, and would not with another step in it${encrypted ? ', where payloads are encrypted from now on' : ''}`, async () => {
    for (const type of [
      'train-model',
      'publish-metrics',
      'trial',
      'virtual-machine',
      'model',
      'deploy-model',
      'change-model',
      'clean-registry',
    ])
      assert.ok(
        names.some((name) => name.startsWith(type)),
        `there is no history of ${type}`,
      );
    const histories = names.flatMap((workflowId) => [
      { workflowId, history: historyOf(workflowId) },
      { workflowId: `changed ${workflowId}`, history: withAnotherStep(historyOf(workflowId)) },
    ]);
    const results: ReplayResult[] = [];
    const workflowBundle = await bundleWorkflows({ encrypted });
    const codec = encrypted ? { dataConverter: dataConverter(KEYS, 'default') } : {};
    for await (const result of Worker.runReplayHistories({ workflowBundle, ...codec }, histories)) results.push(result);
    assert.equal(results.length, histories.length);
    for (const { workflowId, error } of results) {
      if (workflowId.startsWith('changed ')) assert.equal(error?.name, 'DeterminismViolationError', workflowId);
      else assert.equal(error, undefined, workflowId);
    }
  });

function withAnotherStep(history: History): History {
  const step = history.events.find((event) => event.activityTaskScheduledEventAttributes);
  assert.ok(step?.activityTaskScheduledEventAttributes);
  step.activityTaskScheduledEventAttributes.activityType.name = 'somethingElse';
  return history;
}
