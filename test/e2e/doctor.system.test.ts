import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { rootCertificates } from 'node:tls';
import { Client, Connection } from '@temporalio/client';
import { DoctorReport } from '../../client/doctor.ts';
import { generateSigningKey } from '../../services/signing.ts';
import { until } from '../support/until.ts';
import { ROOT, startProduct, type Product } from './product.ts';

let product: Product;
before(async () => (product = await startProduct()));
after(() => product?.close());

const path = (name: string) => join(product.folder, name);

/** Each is planted alone, found, named with its fix, and taken away again. Files are read anew at every step. */
interface Planted {
  readonly fault: string;
  /** `where name` of the one check that finds it. */
  readonly check: string;
  readonly detail: RegExp;
  readonly fix: RegExp;
  /** Changes a file of the operator's or the user's: what stands there, and what shall. */
  readonly edit?: readonly [file: string, from: string | RegExp, to: string | (() => string)];
  /** Orders a fault of the sandbox's. */
  readonly order?: () => object;
  readonly exitCode?: number;
}

const file = (name: string, content: string) => () => {
  writeFileSync(path(name), content, { mode: 0o600 });
  return path(name);
};
const another = (name: string, content: string) => () => `file:${file(name, content)()}`;

const PLANTED: readonly Planted[] = [
  {
    fault: 'the user’s SAS is not the operator’s',
    check: 'client code container',
    detail: /edge-train-code/,
    fix: /credential/,
    edit: ['client.yml', /file:[^"]+code-sas/, another('other-sas', 'si=edge-train-users&sr=c&sv=2026-02-06&sig=AAAA')],
  },
  {
    fault: 'the cloud’s secret is wrong',
    check: 'cloud Azure sign-in',
    detail: /signing in as [\w-]+ at https:/,
    fix: /Correct the credential/,
    edit: ['cloud.yml', /file:[^"]+azure-client/, another('other-secret', 'wrong')],
  },
  {
    fault: 'the release account’s key is another’s',
    check: 'cloud release account',
    detail: /403/,
    fix: /credential/,
    edit: ['cloud.yml', /file:[^"]+release-account-key/, another('other-key', Buffer.alloc(64).toString('base64'))],
  },
  {
    fault: 'the container for code is not there',
    check: 'cloud release containers',
    detail: /never-made of release\.codeContainer in cloud\.yml/,
    fix: /exists where the configuration says/,
    edit: ['cloud.yml', 'release:\n', 'release:\n  codeContainer: never-made\n'],
  },
  {
    fault: 'the registry has no such base',
    check: 'cloud serving base image',
    detail: /is not in the registry/,
    fix: /registry\.base in cloud\.yml/,
    edit: ['cloud.yml', /sha256:[0-9a-f]{64}/, `sha256:${'0'.repeat(64)}`],
  },
  {
    fault: 'the cloud knows another receipt key',
    check: 'site receipt key pair',
    detail: /not the public half of receiptKey/,
    fix: /openssl pkey -in FILE -pubout/,
    edit: ['site.yml', /file:[^"]+receipt\.pem/, another('other.pem', generateSigningKey().privateKey)],
  },
  {
    fault: 'the Stack Hub’s certificate is not trusted',
    check: 'site Stack Hub',
    detail: /certificate/i,
    fix: /caFile/,
    edit: ['site.yml', /[^"]+ca\.pem/, file('other-ca.pem', rootCertificates[0] ?? '')],
  },
  {
    fault: 'the site’s secret is wrong',
    check: 'site Stack Hub sign-in',
    detail: /signing in as/,
    fix: /Correct the credential/,
    edit: ['site.yml', /file:[^"]+stack-hub-client/, another('other-hub-secret', 'wrong')],
  },
  {
    fault: 'the VM image is not in the marketplace',
    check: 'site VM image',
    detail: /looking for the VM image debian:99/,
    fix: /virtualMachines\.image in site\.yml/,
    edit: ['site.yml', 'image: "debian:12', 'image: "debian:99'],
  },
  {
    fault: 'a VM size is not offered',
    check: 'site VM sizes',
    detail: /no VM of the size Standard_D99/,
    fix: /virtualMachines\.sizes/,
    edit: ['site.yml', 'sizes: [', 'sizes: [Standard_D99, '],
  },
  {
    fault: 'a data store’s container is not there',
    check: 'site data store hospital',
    detail: /clinic of dataStores\.hospital/,
    fix: /exists where the configuration says/,
    edit: ['site.yml', 'container: hospital', 'container: clinic'],
  },
  {
    fault: 'the uplink does not let VMs through to Temporal',
    check: 'site uplink to Temporal',
    detail: /does not let VMs through to 127\.0\.0\.1:9\./,
    fix: /Add 127\.0\.0\.1:9 to the uplink’s allow-list/,
    edit: ['site.yml', /\ntemporal:\n {2}address: .*/, '\ntemporal:\n  address: "127.0.0.1:9"'],
  },
  {
    fault: 'the Stack Hub’s clock is an hour behind',
    check: 'site clock',
    detail: /60 min ahead of that of https:\/\/127\.0\.0\.1/,
    fix: /NTP/,
    order: () => {
      const date = new Date(Date.now() - 3_600_000).toUTCString();
      const action = { status: 404, code: 'NotFound', headers: { date } };
      return { route: 'GET /', moment: 'before', front: 'stack-hub', action };
    },
  },
  {
    fault: 'the namespace is not there',
    check: 'client namespace',
    detail: /nowhere/,
    fix: /Check the namespace in your Temporal profile/,
    edit: ['temporal.toml', 'namespace = "default"', 'namespace = "nowhere"'],
  },
  {
    fault: 'the server lets in who shows no credential, and the user shows one',
    check: 'client anonymous calls',
    detail: /lets anonymous calls into the namespace default/,
    fix: /an authorizer and a claim mapper, both/,
    edit: ['temporal.toml', /$/, 'api_key = "a-key"\n[profile.default.tls]\ndisabled = true\n'],
  },
  {
    fault: 'Temporal is not there',
    check: 'client Temporal',
    detail: /Temporal at 127\.0\.0\.1:9 cannot be reached/,
    fix: /temporal\.toml/,
    edit: ['temporal.toml', /address = .*/, 'address = "127.0.0.1:9"'],
    exitCode: 3,
  },
];

test('all is well: exit 0, a line a check, and not one that was not made', async () => {
  const { code, stdout, stderr } = await product.edgeTrain('doctor');
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /^✓ site {4}VM image/m);
  assert.match(stdout, /Note: release\.pickle is allow/);
  assert.match(stdout, /All is well at demo\.\n$/);
  assert.doesNotMatch(stdout, /^[✗?]/m);
});

for (const planted of PLANTED) {
  test(`finds that ${planted.fault}, and names its fix`, async () => {
    const undo = await plant(planted);
    try {
      await finds(planted);
    } finally {
      await undo();
    }
  });
}

test('finds that there is no site worker, then no worker at all; Ctrl-C ends it before', async () => {
  const { pid } = JSON.parse(readFileSync(path('worker.json'), 'utf8')) as { pid: number };
  process.kill(pid, 'SIGTERM');
  await until('the worker has ended', () => !isAlive(pid), 30);

  const worker = spawn(
    process.execPath,
    [join(ROOT, 'workers', 'main.ts'), '--role', 'cloud', '--config', product.folder],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    await once(createInterface(worker.stdout), 'line');
    const detail = /no worker of the role site polls edge-train-site/;
    await finds({ check: 'site worker', detail, fix: /edge-train worker --role site/ });
  } finally {
    const ended = once(worker, 'exit');
    worker.kill('SIGTERM');
    await ended;
  }
  const detail = /no worker of the role cloud polls edge-train,/;
  await finds({ check: 'cloud worker', detail, fix: /edge-train worker --role cloud/ });
  await interrupted();
});

async function finds({ check, detail, fix, exitCode = 1 }: Omit<Planted, 'fault'>): Promise<void> {
  const { code, stdout, stderr } = await product.edgeTrain('doctor', '--site', 'demo', '--json');
  assert.equal(code, exitCode, stdout + stderr);
  const report = DoctorReport.parse(JSON.parse(stdout));
  const faults = report.checks.filter(({ state }) => state === 'fault');
  assert.deepEqual(
    faults.map(({ where, name }) => `${where} ${name}`),
    [check],
    JSON.stringify(faults, null, 1),
  );
  assert.match(faults[0]?.detail ?? '', detail);
  assert.match(faults[0]?.fix ?? '', fix);
  assert.equal(report.ok, false);
}

async function plant({ edit, order }: Planted): Promise<() => Promise<void> | void> {
  if (edit) {
    const [name, from, to] = edit;
    const original = readFileSync(path(name), 'utf8');
    const changed = original.replace(from, typeof to === 'string' ? to : to());
    assert.notEqual(changed, original, `${name} has no ${from}`);
    writeFileSync(path(name), changed);
    return () => writeFileSync(path(name), original);
  }
  const faults = `${product.info.admin}/faults`;
  const answer = await fetch(faults, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(order?.()),
  });
  assert.ok(answer.ok, await answer.text());
  return async () => void (await fetch(faults, { method: 'DELETE' }));
}

/** With no worker, its workflow waits: then Ctrl-C comes. */
async function interrupted(): Promise<void> {
  const connection = await Connection.connect({ address: product.info.temporal.address });
  const { workflow } = new Client({ connection });
  const query = `WorkflowType = 'checkSite' AND ExecutionStatus = 'Running'`;
  await until('earlier checks are over', async () => (await workflow.count(query)).count === 0, 30);
  const child = spawn(process.execPath, [join(ROOT, 'client', 'main.ts'), 'doctor', '--config', product.folder]);
  const ended = once(child, 'exit');
  await until('it asks', async () => (await workflow.count(query)).count > 0, 30);
  child.kill('SIGINT');
  assert.deepEqual(await ended, [130, null]);
  await connection.close();
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
