import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createMachines } from '../../sandbox/machines/machines.ts';
import { auditor } from './auditor.ts';
import { docker, ROOT, startProduct, type Product } from './product.ts';

/** An existing host on the site's network: no VM of the Stack Hub, so nothing bootstraps it but SSH. */
let product: Product;
let container: string;
let hostKey: string;
let training: string;
let siteFile: string;
let withoutHosts: string;

before(async () => {
  product = await startProduct();
  const { folder, info } = product;
  const { machines } = JSON.parse(readFileSync(join(folder, 'sandbox', 'server.json'), 'utf8')) as {
    machines: { stateId: string };
  };
  const login = join(folder, 'lab-login');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', login]);
  const { privateAddress } = await createMachines(machines).boot({
    ...{ name: 'lab', hostName: 'lab', memoryMiB: 3584, cores: 1 },
    ...{ adminUsername: 'operator1', sshPublicKeys: [readFileSync(`${login}.pub`, 'utf8')], disablePassword: true },
  });
  container = `edge-train-${machines.stateId}-lab`;
  hostKey = (await docker(info, 'exec', container, 'cat', '/etc/ssh/ssh_host_ed25519_key.pub')).trim();

  siteFile = join(folder, 'site.yml');
  withoutHosts = readFileSync(siteFile, 'utf8');
  const lab = { address: privateAddress, username: 'operator1', hostKeys: [hostKey], privateKey: `file:${login}` };
  appendFileSync(siteFile, `\nhosts: ${JSON.stringify({ lab: { ...lab, cores: 1, memoryMiB: 3584 } })}\n`);

  cpSync(join(ROOT, 'test', 'e2e', 'slow-job'), join(folder, 'job'), { recursive: true });
  const job = join(folder, 'job', 'job.yml');
  writeFileSync(job, readFileSync(job, 'utf8').replace('seconds: 30', 'seconds: 1'));
  training = join(folder, 'job', 'training.yml');
  writeFileSync(training, 'site: demo\njob: job.yml\nmodel: {name: on-host}\nvirtualMachine: {host: lab}\n');
});
after(() => product?.close());

test('a changed host key ends the run at once and says what to do; corrected, the run trains on the host', async () => {
  const otherKey = join(product.folder, 'other-host-key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', otherKey]);
  const right = readFileSync(siteFile, 'utf8');
  writeFileSync(siteFile, right.replace(hostKey, readFileSync(`${otherKey}.pub`, 'utf8').trim()));
  const refused = await product.edgeTrain('run', training);
  assert.equal(refused.code, 1, refused.stdout + refused.stderr);
  const said = refused.stdout + refused.stderr;
  assert.match(said, /shows the SSH host key SHA256:\S+, and site\.yml states SHA256:\S+ for the host lab/);
  assert.match(said, /ssh-keygen -lf \/etc\/ssh\/ssh_host_ed25519_key\.pub/);
  await assert.rejects(docker(product.info, 'exec', container, 'test', '-e', '/opt/edge-train'));

  writeFileSync(siteFile, right);
  const result = await product.train(training);
  assert.equal(result.virtualMachine, 'lab');
  assert.deepEqual(result.computeTarget, {
    ...{ state: 'unattached', name: 'lab' },
    reason: 'an existing host is not attached to Azure ML',
  });
  const audit = auditor(product);
  assert.deepEqual(await audit.virtualMachines(), []);
  assert.deepEqual(await audit.computeTargets(), []);
  assert.equal((await audit.modelVersions('on-host')).length, 1);
  assert.equal((await audit.runs()).find(({ info }) => info.status === 'FINISHED') !== undefined, true);
  const folders = await docker(product.info, 'exec', container, 'ls', '/var/lib/edge-train/jobs');
  assert.equal(folders, '', 'the job’s folders are gone');
});

test('a host that the site does not have is refused before anything is made, naming those that it has', async () => {
  const other = join(product.folder, 'job', 'other.yml');
  writeFileSync(other, readFileSync(training, 'utf8').replace('host: lab', 'host: nowhere'));
  const unknown = await product.edgeTrain('run', other);
  assert.equal(unknown.code, 2, unknown.stdout + unknown.stderr);
  assert.match(unknown.stdout + unknown.stderr, /virtualMachine\.host.*this site’s hosts are lab/);
  const deleted = await product.edgeTrain('run', training, '--after', 'delete');
  assert.equal(deleted.code, 2, deleted.stdout + deleted.stderr);
  assert.match(deleted.stderr, /the host lab is not edge-train’s to switch off or delete/);
  writeFileSync(siteFile, withoutHosts);
  const none = await product.edgeTrain('run', other);
  assert.match(none.stdout + none.stderr, /this site has no existing hosts/);
});
