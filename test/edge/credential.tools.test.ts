import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Connection } from '@temporalio/client';
import type { SealedGrant } from '../../domain/grant.ts';
import type { TemporalCredential } from '../../domain/temporal-credential.ts';
import type { Hello, MachineKey } from '../../domain/virtual-machine.ts';
import { generateMachineKey, seal } from '../../services/signing.ts';
import { mintToken } from '../../services/temporal-token.ts';
import { installCredentialCommand } from '../../workers/vm/install-credential-command.ts';
import { signingKey, startProductionTemporal, type ProductionTemporal } from '../support/production-temporal.ts';
import { until } from '../support/until.ts';
import { startEdge, type Edge } from './edge.ts';

const PERMISSION_DENIED = 7;

/** Temporal's production server with its own authorizer, and the worker that is installed on VMs. */
describe('a VM’s own credential', () => {
  let temporal: ProductionTemporal;
  let edge: Edge;
  before(
    async () => {
      temporal = await startProductionTemporal({ authorizer: true, namespaces: ['hospital', 'clinic'] });
      const credential = await mint(LIFE);
      const machine = { jwt: { keyId: temporal.keyId }, credential };
      const callers = await temporal.credential('ana', 'hospital:write');
      edge = await startEdge({ guarded: { temporal, machine, callers } });
    },
    { timeout: 300_000 },
  );
  after(
    async () => {
      if (edge) await edge.close();
      else await temporal?.stop();
    },
    { timeout: 120_000 },
  );

  /** Enough for the VM to be ready. */
  const LIFE = 90;
  const mint = (seconds: number, change: Partial<Parameters<typeof mintToken>[0]> = {}): Promise<TemporalCredential> =>
    mintToken({
      ...{ signingKey: temporal.signingKey, keyId: temporal.keyId, subject: 'vm', namespace: 'hospital' },
      ...{ minutes: seconds / 60, now: new Date() },
      ...change,
    });
  const sealed = async (credential: TemporalCredential, key?: MachineKey): Promise<SealedGrant> => {
    const { kty, crv, x, y } = edge.machine.config.privateKey;
    const jwe = await seal({ kind: 'credential', ...credential }, key ?? { kty, crv, x, y });
    return { kind: 'credential', jwe, expires: credential.expires };
  };
  const renew = async (credential: TemporalCredential) =>
    edge.ask('renewCredential', { grants: [await sealed(credential)] });
  const unit = () => `edge-train-worker@${edge.machine.bundle.digest.slice(0, 12)}.service`;
  const process = async () => (await edge.machine.sh(`systemctl show -p MainPID --value ${unit()}`)).trim();

  type Call = (connection: Connection) => Promise<unknown>;
  /** The gRPC status of a call; 0: it was answered. */
  async function statusOf(token: string | undefined, call: Call): Promise<number> {
    const key = token === undefined ? {} : { apiKey: token };
    const connection = Connection.lazy({ address: temporal.address, tls: false, ...key, interceptors: [] });
    try {
      await connection.withDeadline(Date.now() + 5000, () => call(connection));
      return 0;
    } catch (error) {
      return (error as { code: number }).code;
    } finally {
      await connection.close();
    }
  }
  const describeNamespace =
    (namespace: string): Call =>
    ({ workflowService }) =>
      workflowService.describeNamespace({ namespace });
  const start =
    (namespace: string): Call =>
    ({ workflowService }) =>
      workflowService.startWorkflowExecution({
        ...{ namespace, workflowId: `try-${Math.random()}`, requestId: `${Math.random()}` },
        ...{ workflowType: { name: 'none' }, taskQueue: { name: 'none' } },
      });
  const poll =
    (namespace: string): Call =>
    ({ workflowService }) =>
      workflowService.getWorkflowExecutionHistory({ namespace, execution: { workflowId: 'none' } });

  it('lets nobody in who shows none, or one by another key, of another algorithm, or that has run out', async () => {
    const other = await mint(60, { signingKey: signingKey('first').key });
    const unknown = await mint(60, { keyId: 'second' });
    const rsa = await mint(60, { signingKey: signingKey('first', 'rsa').key });
    const old = await mint(60, { now: new Date(Date.now() - 61_000) });
    for (const token of [undefined, other.token, unknown.token, rsa.token, old.token, 'no JWT'])
      assert.equal(await statusOf(token, describeNamespace('hospital')), PERMISSION_DENIED, token);
    assert.equal(await statusOf((await mint(60)).token, describeNamespace('hospital')), 0);
  });

  it('opens the site’s namespace and no other, and nothing that takes an administrator', async () => {
    const { token } = await mint(60);
    assert.equal(await statusOf(token, start('hospital')), 0);
    assert.equal(await statusOf(token, poll('hospital')), 5, 'not found: it was let in');
    for (const call of [describeNamespace, start, poll])
      assert.equal(await statusOf(token, call('clinic')), PERMISSION_DENIED);
    const administrators: Call[] = [
      ({ workflowService }) => workflowService.listNamespaces({}),
      ({ workflowService }) => workflowService.registerNamespace({ namespace: 'mine' }),
      ({ workflowService }) =>
        workflowService.updateNamespace({ namespace: 'hospital', updateInfo: { ownerEmail: 'a' } }),
      ({ operatorService }) => operatorService.deleteNamespace({ namespace: 'hospital' }),
      ({ operatorService }) =>
        operatorService.addSearchAttributes({ namespace: 'hospital', searchAttributes: { Mine: 2 } }),
    ];
    for (const [i, call] of administrators.entries())
      assert.equal(await statusOf(token, call), PERMISSION_DENIED, String(i));
    assert.equal(await statusOf(temporal.admin, administrators[0]!), 0, 'the call itself is right');
  });

  it('is renewed under the worker, which goes on after the first has run out', { timeout: 200_000 }, async () => {
    const before = await process();
    assert.ok(Number(before) > 0);
    await edge.ask<Hello>('hello');
    const next = await mint(3600);
    await renew(next);
    const { credential } = edge.machine.config.temporal;
    await until('the first has run out', () => Date.parse(credential!.expires) + 3000 < Date.now(), LIFE + 10);
    assert.equal(await statusOf(credential!.token, describeNamespace('hospital')), PERMISSION_DENIED);
    await edge.ask<Hello>('hello');
    assert.equal(await process(), before, 'the same process');
    assert.equal(
      (await edge.machine.sh('stat -c "%a %U" /var/lib/edge-train/credential/renewed.json')).trim(),
      '600 edge-train',
    );

    await edge.machine.sh(`systemctl restart ${unit()}`);
    await edge.ask<Hello>('hello');
  });

  it('is not taken from a seal to another VM, nor when an older one is sent again', async () => {
    const foreign = await sealed(await mint(3600), generateMachineKey().publicKey);
    const failed = await edge.failureOf(await edge.begin('renewCredential', { grants: [foreign] }));
    assert.equal(failed.type, 'SealBroken');
    const kept = await edge.machine.sh('cat /var/lib/edge-train/credential/renewed.json');
    await renew(await mint(1200, { now: new Date(Date.now() - 600_000) }));
    assert.equal(await edge.machine.sh('cat /var/lib/edge-train/credential/renewed.json'), kept);
  });

  it(
    'that has run out on the VM is put there again by root, and the worker comes back',
    { timeout: 120_000 },
    async () => {
      const short = await mint(8);
      await renew(short);
      const holds = () => statusOf(short.token, describeNamespace('hospital'));
      await until('it has run out', async () => (await holds()) !== 0);
      const silent = await edge.begin('hello');
      const waited = Promise.race([
        silent.result().then(() => 'answered'),
        new Promise((resolve) => setTimeout(resolve, 5000)),
      ]);
      assert.notEqual(await waited, 'answered');
      await edge.machine.sh(installCredentialCommand(await mint(3600)));
      await silent.result();
      assert.equal((await edge.machine.sh('stat -c "%a %U" /etc/edge-train/credential.json')).trim(), '600 edge-train');
    },
  );

  it('is gone, with all others, when its key leaves the key set', { timeout: 60_000 }, async () => {
    const { token } = await mint(3600);
    assert.equal(await statusOf(token, describeNamespace('hospital')), 0);
    await temporal.publish(signingKey('second'));
    await until(
      'it is refused',
      async () => (await statusOf(token, describeNamespace('hospital'))) === PERMISSION_DENIED,
      20,
    );
  });
});
