import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { CompletedJob } from '../../domain/completed-job.ts';
import type { PayloadKeys } from '../../domain/payload-codec.ts';
import type { Hello } from '../../domain/virtual-machine.ts';
import { until } from '../support/until.ts';
import { startEdge, type Edge } from './edge.ts';

const newKey = () => randomBytes(32).toString('base64');
const [one, two] = [newKey(), newKey()];
const old: PayloadKeys = { keys: { one }, current: 'one', required: true };
const rotated: PayloadKeys = { keys: { one, two }, current: 'two', required: true };

describe('the edge worker with payload encryption', () => {
  let edge: Edge;
  let stranger: Client;
  before(
    async () => {
      edge = await startEdge({ codec: { machine: old, callers: rotated } });
      stranger = new Client({ connection: await Connection.connect({ address: edge.temporal.address }) });
    },
    { timeout: 300_000 },
  );
  after(
    async () => {
      await stranger?.connection.close();
      await edge?.close();
    },
    { timeout: 120_000 },
  );

  /** History and description, as the server has them. */
  async function rawly(workflowId: string): Promise<string> {
    const { events } = await stranger.workflow.getHandle(workflowId).fetchHistory();
    const { DescribeWorkflowExecutionResponse } = proto.temporal.api.workflowservice.v1;
    const { raw } = await stranger.workflow.getHandle(workflowId).describe();
    return [
      Buffer.from(proto.temporal.api.history.v1.History.encode({ events: events ?? [] }).finish()),
      Buffer.from(DescribeWorkflowExecutionResponse.encode(raw).finish()),
    ].join('\n');
  }

  it('without the key that is current by now it says which it lacks, and goes on when the VM is enrolled anew', async () => {
    const call = await edge.begin('hello');
    const said = await until('the step has failed', async () => {
      const { raw } = await stranger.workflow.getHandle(call.workflowId).describe();
      return raw.pendingActivities?.[0]?.lastFailure?.message;
    });
    assert.match(said, /cannot be decrypted\. It needs the key "two"; known here: one/);
    const installed = await edge.machine.install({ ...edge.machine.config, codec: rotated });
    assert.equal(installed.code, 0, installed.stderr);
    assert.equal(((await call.result()) as Hello).bundle, edge.machine.bundle.digest);
  });

  it('trains, and nothing of what it is given, says or fails with stands in the server', async () => {
    const call = await edge.train('a'.repeat(20), 'echo CANARY-COMMAND; echo 1 >/job/outputs/model/m.json');
    assert.equal(((await call.result()) as CompletedJob).exitCode, 0);
    const failing = await edge.train('b'.repeat(20), 'echo CANARY-COMMAND; exit 3');
    const failure = await edge.failureOf(failing);
    assert.equal(failure.type, 'ScriptFailed');
    assert.match(failure.message, /exit code 3/);
    for (const { workflowId } of [call, failing]) {
      const raw = await rawly(workflowId);
      assert.match(raw, /binary\/encrypted/);
      // Search attributes alone are plain: Temporal's own, of its builds.
      for (const word of ['CANARY-COMMAND', 'exit code', 'startedAt', 'site'])
        assert.ok(!raw.includes(word), `${word} is readable`);
    }
  });

  it('its keys are where its Temporal credential is, and nowhere else', async () => {
    const { sh } = edge.machine;
    assert.equal((await sh('stat -c "%a %U" /etc/edge-train/machine.json')).trim(), '600 edge-train');
    const found = await sh(
      `grep -rlFs -e '${one}' -e '${two}' /etc /run /var /opt/edge-train/cage /home /root 2>/dev/null || true`,
    );
    assert.deepEqual(found.split('\n').filter(Boolean), ['/etc/edge-train/machine.json']);
    assert.equal((await sh(`journalctl --no-pager | grep -cF -e '${one}' -e '${two}' || true`)).trim(), '0');
  });
});
