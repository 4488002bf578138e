import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { DoctorReport } from '../../client/doctor.ts';
import { virtualMachineWorkflowId } from '../../domain/resource-names.ts';
import { startProductionTemporal, type ProductionTemporal } from '../support/production-temporal.ts';
import { until } from '../support/until.ts';
import { docker, ROOT, startProduct, vmContainer, type Product } from './product.ts';
import { slowJob } from './slow-job.ts';

const MACHINE = 'guarded';
/** The shortest life that `site.yml` takes; it is renewed at half of it. */
const MINUTES = 10;

let product: Product;
let temporal: ProductionTemporal | undefined;
let worker: ChildProcess | undefined;
before(async () => (product = await startProduct()), { timeout: 300_000 });
after(async () => {
  await stopWorker();
  await product?.close();
  await temporal?.stop();
});

const path = (name: string) => join(product.folder, name);

/** The product as it is, at another Temporal: each side shows a credential of its own. */
async function moveTo(server: { authorizer: boolean }): Promise<ProductionTemporal> {
  await stopWorker();
  await temporal?.stop();
  const moved = (temporal = await startProductionTemporal({ ...server, namespaces: ['hospital'] }));
  const allowed = await fetch(`${product.info.uplink.control}/uplink/allow`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ allow: [moved.address] }),
  });
  assert.ok(allowed.ok, await allowed.text());
  const key = await moved.credential('ana', 'hospital:write');
  writeFileSync(
    path('temporal.toml'),
    `[profile.default]\naddress = "${moved.address}"\nnamespace = "hospital"\napi_key = "${key}"\n[profile.default.tls]\ndisabled = true\n`,
  );
  writeFileSync(path('temporal-signing-key'), moved.signingKey, { mode: 0o600 });
  configureSite(moved, moved.keyId);
  worker = spawn(
    process.execPath,
    [join(ROOT, 'workers', 'main.ts'), '--role', 'cloud,site', '--config', product.folder],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, NODE_EXTRA_CA_CERTS: product.info.caFile } },
  );
  await once(createInterface(worker.stdout!), 'line');
  return moved;
}

function configureSite({ address }: ProductionTemporal, keyId: string): void {
  const jwt = { signingKey: `file:${path('temporal-signing-key')}`, keyId, minutes: MINUTES };
  const settings = JSON.stringify({ address, namespace: 'hospital', jwt });
  const text = readFileSync(path('site.yml'), 'utf8');
  writeFileSync(path('site.yml'), text.replace(/\ntemporal:.*\n( .*\n)*/, `\ntemporal: ${settings}\n`));
}

/** The sandbox's own at first. */
async function stopWorker(): Promise<void> {
  if (worker) {
    const ended = worker.exitCode === null ? once(worker, 'exit') : undefined;
    worker.kill('SIGTERM');
    await ended;
  } else if (product) {
    const { pid } = JSON.parse(readFileSync(path('worker.json'), 'utf8')) as { pid: number };
    process.kill(pid, 'SIGTERM');
    await until('the sandbox’s worker has ended', () => !isAlive(pid), 30);
  }
  worker = undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function doctor() {
  const { code, stdout, stderr } = await product.edgeTrain('doctor', '--json');
  assert.ok(stdout, stderr);
  const { checks } = DoctorReport.parse(JSON.parse(stdout));
  const faults = checks.filter(({ state }) => state !== 'ok');
  return { code, faults: faults.map(({ where, name }) => `${where} ${name}`), text: JSON.stringify(faults, null, 1) };
}

test(
  'doctor fails where a server lets in who shows no credential, on each way to it',
  { timeout: 120_000 },
  async () => {
    await moveTo({ authorizer: false });
    const { code, faults, text } = await doctor();
    assert.equal(code, 1, text);
    assert.deepEqual(faults, ['client anonymous calls', 'cloud anonymous calls', 'site VMs’ credential'], text);
  },
);

test(
  'with the authorizer all is well; with another key’s name the VMs would not be let in',
  { timeout: 120_000 },
  async () => {
    const server = await moveTo({ authorizer: true });
    const well = await doctor();
    assert.deepEqual([well.code, well.faults], [0, []], well.text);
    configureSite(server, 'another');
    const ill = await doctor();
    assert.deepEqual([ill.code, ill.faults], [1, ['site VMs’ credential']], ill.text);
    assert.match(ill.text, /refuses what temporal\.jwt signs with the key another/);
    configureSite(server, server.keyId);
  },
);

test('a VM trains with its own credential, which is renewed under the script', { timeout: 600_000 }, async () => {
  const server = temporal!;
  using job = slowJob({ model: 'guarded', machine: MACHINE, seconds: MINUTES * 30 + 20 });
  let failure: unknown;
  const run = product.train(job.file).catch((error: unknown) => {
    failure = error;
    throw error;
  });
  run.catch(() => undefined);
  const onMachine = async (command: string) =>
    docker(product.info, 'exec', await vmContainer(product), 'sh', '-c', command);
  const renewed = await until(
    'it is renewed',
    async () => {
      const text = await onMachine('cat /var/lib/edge-train/credential/renewed.json').catch(() => '');
      assert.equal(failure, undefined);
      return text;
    },
    MINUTES * 30 + 180,
  );
  const configured = await onMachine('cat /etc/edge-train/machine.json');
  const tokens = [
    (JSON.parse(configured) as { temporal: { credential: { token: string } } }).temporal.credential.token,
    (JSON.parse(renewed) as { token: string }).token,
  ];
  for (const token of tokens) {
    assert.deepEqual(decodeProtectedHeader(token), { alg: 'ES256', typ: 'JWT', kid: server.keyId });
    assert.deepEqual([decodeJwt(token).sub, decodeJwt(token)['permissions']], [MACHINE, ['hospital:write']]);
  }
  assert.notEqual(tokens[0], tokens[1]);
  assert.ok(!configured.includes('temporal-signing-key') && !configured.includes(server.signingKey.split('\n')[1]!));
  await run;
  await inNoHistory(server, tokens);
});

async function inNoHistory({ address, admin }: ProductionTemporal, tokens: readonly string[]): Promise<void> {
  const connection = await Connection.connect({ address, apiKey: admin, tls: false });
  const client = new Client({ connection, namespace: 'hospital' });
  let histories = 0;
  for await (const { workflowId, runId } of client.workflow.list()) {
    const history = JSON.stringify(await client.workflow.getHandle(workflowId, runId).fetchHistory());
    const readable = history.replaceAll(/"data":"([\w+/=]+)"/g, (_, data: string) =>
      Buffer.from(data, 'base64').toString(),
    );
    for (const token of tokens)
      assert.ok(!readable.includes(token) && !readable.includes(token.split('.')[2]!), workflowId);
    if (workflowId === virtualMachineWorkflowId(MACHINE)) assert.match(readable, /renewCredential/);
    histories++;
  }
  assert.ok(histories >= 2, `${histories} histories`);
  await connection.close();
}
