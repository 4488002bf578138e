import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { ReleasePolicy } from '../../domain/release.ts';
import type { MachinePlan } from '../../domain/training-plan.ts';
import { send, token } from '../sandbox/fixture.ts';
import { startSite, type TestSite } from './site.ts';

let site: TestSite;
before(async () => void (site = await startSite({ cores: 8 })));
after(() => site[Symbol.asyncDispose]());
beforeEach(async () => {
  await site.configure();
  site.step.resumed = undefined;
  site.step.request = 'request-1';
});
afterEach(() => site.fixture.admin('DELETE', '/faults'));

const plan = (change: Partial<MachinePlan> = {}): MachinePlan => ({
  site: 'demo',
  name: 'demo-ds1-v2',
  size: { name: 'Standard_DS1_v2', cores: 1, memoryMiB: 3584 },
  after: 'keep',
  onLoss: 'restart',
  attach: 'require',
  idleSeconds: 60,
  computeTarget: 'demo-ds1-v2',
  ...change,
});

/** As somebody in the Stack Hub's portal would. */
async function deletedByHand(path: string, apiVersion: string): Promise<void> {
  const hub = await site.operator();
  const id = `subscriptions/${hub.subscription}/resourceGroups/edge-train/providers/${path}`;
  await hub.resources.resources.beginDeleteByIdAndWait(id, apiVersion);
}

/** Names of all that is in the site's resource group. */
async function resources(): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of (await site.operator()).resources.resources.listByResourceGroup('edge-train'))
    names.push(name ?? '');
  return names.sort();
}

const whole = ['demo-ds1-v2', 'demo-ds1-v2-nic', 'demo-ds1-v2-nsg', 'demo-ds1-v2-os', 'demo-ds1-v2-vnet'];

const fired = async () => (await site.fixture.admin<{ fired: number }[]>('GET', '/faults')).map((fault) => fault.fired);

/** As Temporal would: again while the failure says that it may. */
async function retried<T>(attempt: () => Promise<T>, attempts = 4): Promise<T> {
  for (let i = 1; ; i++) {
    try {
      return await attempt();
    } catch (error) {
      if (i === attempts || (error as { retryable?: boolean }).retryable !== true) throw error;
    }
  }
}

describe('provisioning', () => {
  it('makes a VM without a public address or an inbound rule, once', async () => {
    const made = await site.activities.provisionVirtualMachine(plan());
    assert.deepEqual([made.name, made.created], ['demo-ds1-v2', true]);
    assert.match(
      made.resourceId,
      /resourceGroups\/edge-train\/providers\/Microsoft\.Compute\/virtualMachines\/demo-ds1-v2$/,
    );
    assert.deepEqual(await resources(), whole);
    const [spec] = [...site.machines.specs.values()];
    assert.equal(spec?.disablePassword, true);
    assert.equal(spec?.adminPassword, undefined);
    assert.equal(spec?.sshPublicKeys.length, 1);

    site.step.request = 'request-2';
    const found = await site.activities.provisionVirtualMachine(plan());
    assert.deepEqual(found, { ...made, created: false });
    assert.deepEqual(await resources(), whole);
  });

  it('starts what was deallocated', async () => {
    await site.activities.deallocateVirtualMachine('demo-ds1-v2');
    await site.activities.deallocateVirtualMachine('demo-ds1-v2');
    assert.equal(await site.activities.inspectVirtualMachine('demo-ds1-v2'), 'deallocated');
    await site.activities.provisionVirtualMachine(plan());
    assert.equal(await site.activities.inspectVirtualMachine('demo-ds1-v2'), 'running');
  });

  it('refuses another size than the VM has, or than the site allows', async () => {
    const size = (name: string) => plan({ size: { name, cores: 2, memoryMiB: 7168 } });
    await assert.rejects(site.activities.provisionVirtualMachine(size('Standard_DS2_v2')), {
      class: 'input',
      type: 'SizeMismatch',
      retryable: false,
    });
    await assert.rejects(site.activities.provisionVirtualMachine(size('Standard_DS4_v2')), {
      class: 'policy',
      type: 'SizeNotAllowed',
      retryable: false,
    });
  });

  it('leaves nothing behind when it is deleted, twice', async () => {
    await site.activities.deleteVirtualMachine('demo-ds1-v2');
    await site.activities.deleteVirtualMachine('demo-ds1-v2');
    assert.deepEqual(await resources(), []);
    assert.equal(site.machines.power.size, 0);
    assert.equal(await site.activities.inspectVirtualMachine('demo-ds1-v2'), 'absent');
    await site.activities.deallocateVirtualMachine('demo-ds1-v2');
    await site.activities.closeAttachRule(plan());
  });

  it('gives a VM whose image takes no key a strong password, the same in every attempt, and shows it nowhere', async () => {
    const virtualMachines = { image: 'debian:12:minimal:latest', sizes: ['Standard_DS1_v2'], login: 'password' };
    await site.configure({ virtualMachines });
    await site.fixture.fault({ route: 'PUT /**/virtualMachines/*', moment: 'before', action: 'drop' });
    const made = await retried(() => site.activities.provisionVirtualMachine(plan()));
    const spec = site.machines.specs.get([...site.machines.specs.keys()].at(-1) ?? '');
    const password = spec?.adminPassword ?? '';
    assert.equal(spec?.disablePassword, false);
    assert.match(password, /^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[^\w]).{40,72}$/);
    assert.ok(!Object.values(site.secrets).some((secret) => secret.includes(password)));
    const { subscription } = site.fixture.config.stackHub;
    const route = `/subscriptions/${subscription}/resourceGroups/edge-train/providers/Microsoft.Compute/virtualMachines`;
    const shown = await send(site.fixture.ca, 'GET', `${site.fixture.stackHub}${route}?api-version=2020-06-01`, {
      headers: { authorization: `Bearer ${await token(site.fixture, 'stackHub')}` },
    });
    const all = JSON.stringify([
      ...[made, shown.body, site.step.heartbeats],
      await site.fixture.admin('GET', '/requests'),
    ]);
    assert.match(all, /"disablePasswordAuthentication":false/);
    assert.ok(!all.includes(password), 'the password was shown');

    await site.activities.deleteVirtualMachine('demo-ds1-v2');
    site.machines.specs.clear();
    await site.activities.provisionVirtualMachine(plan());
    assert.equal([...site.machines.specs.values()][0]?.adminPassword, password);
    await site.activities.deleteVirtualMachine('demo-ds1-v2');
  });

  it('makes one of each though every answer to a PUT is lost, and knows that it made the VM', async () => {
    const lost = ['networkSecurityGroups/*', 'virtualNetworks/*', 'networkInterfaces/*', 'virtualMachines/*'];
    for (const path of lost) await site.fixture.fault({ route: `PUT /**/${path}`, moment: 'after', action: 'drop' });
    const made = await retried(() => site.activities.provisionVirtualMachine(plan()), lost.length + 1);
    assert.equal(made.created, true);
    assert.deepEqual(await resources(), whole);
    assert.deepEqual(await fired(), [1, 1, 1, 1]);
  });

  it('deletes all though every answer to a DELETE is lost', async () => {
    const lost = [
      'virtualMachines/*',
      'disks/*',
      'networkInterfaces/*',
      'virtualNetworks/*',
      'networkSecurityGroups/*',
    ];
    for (const path of lost) await site.fixture.fault({ route: `DELETE /**/${path}`, moment: 'after', action: 'drop' });
    await retried(() => site.activities.deleteVirtualMachine('demo-ds1-v2'), lost.length + 1);
    assert.deepEqual(await resources(), []);
    assert.deepEqual(await fired(), [1, 1, 1, 1, 1]);
  });

  it('makes a VM anew that somebody deleted: the disk that the Stack Hub left goes first', async () => {
    await site.activities.provisionVirtualMachine(plan());
    await deletedByHand('Microsoft.Compute/virtualMachines/demo-ds1-v2', '2020-06-01');
    assert.ok((await resources()).includes('demo-ds1-v2-os'), 'the Stack Hub leaves it');
    site.step.request = 'request-2';
    assert.equal((await site.activities.provisionVirtualMachine(plan())).created, true);
    assert.deepEqual(await resources(), whole);
  });

  it('leaves a disk alone that nothing shows to be ours, and makes nothing', async () => {
    await deletedByHand('Microsoft.Compute/virtualMachines/demo-ds1-v2', '2020-06-01');
    await deletedByHand('Microsoft.Network/networkInterfaces/demo-ds1-v2-nic', '2018-11-01');
    const left = await resources();
    await assert.rejects(site.activities.provisionVirtualMachine(plan()), {
      class: 'policy',
      type: 'NotOurs',
      retryable: false,
      message: /demo-ds1-v2-os is there already without a VM/,
    });
    assert.deepEqual(await resources(), left);
    await deletedByHand('Microsoft.Compute/disks/demo-ds1-v2-os', '2019-07-01');
    await site.activities.deleteVirtualMachine('demo-ds1-v2');
    assert.deepEqual(await resources(), []);
  });

  it('without quota, without capacity, and without the size says so by Azure’s own code', async () => {
    const on = (code: string, moment: 'before' | 'operation', message: string) =>
      site.fixture.fault({ route: 'PUT /**/virtualMachines/*', moment, action: { status: 409, code, message } });
    await on('SkuNotAvailable', 'before', 'The requested size is not available');
    await assert.rejects(site.activities.provisionVirtualMachine(plan()), {
      class: 'quota',
      type: 'SkuNotAvailable',
      retryable: false,
    });
    await on('OperationNotAllowed', 'before', 'exceeding approved Total Regional vCPUs quota');
    await assert.rejects(site.activities.provisionVirtualMachine(plan()), {
      class: 'quota',
      type: 'QuotaExceeded',
      retryable: false,
    });
    await on('AllocationFailed', 'operation', 'not enough room');
    await assert.rejects(site.activities.provisionVirtualMachine(plan()), {
      class: 'quota',
      type: 'NoCapacity',
      retryable: true,
    });
    assert.equal((await retried(() => site.activities.provisionVirtualMachine(plan()))).created, true);
    await site.activities.deleteVirtualMachine('demo-ds1-v2');
    assert.deepEqual(await resources(), []);
  });
});

describe('the real quota', () => {
  it('refuses the VM that would pass it', async () => {
    const small = await startSite({ cores: 0 });
    try {
      await assert.rejects(small.activities.provisionVirtualMachine(plan()), {
        class: 'quota',
        type: 'QuotaExceeded',
        retryable: false,
        message: /quota/,
      });
      await small.activities.deleteVirtualMachine('demo-ds1-v2');
    } finally {
      await small[Symbol.asyncDispose]();
    }
  });
});

describe('enrolment', () => {
  before(async () => void (await retried(() => site.activities.provisionVirtualMachine(plan()))));
  const machine = () => site.activities.provisionVirtualMachine(plan());
  const config = (index: number) => {
    const line = /printf %s '([^']+)' \| base64 -d/.exec(site.machines.scripts.at(index)?.commandToExecute ?? '');
    return JSON.parse(Buffer.from(line?.[1] ?? '', 'base64').toString()) as Record<string, Record<string, unknown>>;
  };

  it('runs the bundle’s installer once, with all that the VM must know', async () => {
    const first = await site.activities.enrolVirtualMachine(await machine());
    assert.equal(first.queue, `edge-demo-ds1-v2-${site.dependencies.bundle.digest.slice(0, 12)}`);
    assert.equal(site.machines.scripts.length, 1);
    const script = site.machines.scripts[0]!;
    assert.match(script.fileUris[0]!, /\/runs\/bundles\/[0-9a-f]{64}\.tar\.gz\?sv=2019-07-07/);
    assert.equal(config(0)['privateKey']?.['x'], first.publicKey.x);
    assert.equal(config(0)['temporal']?.['apiKey'], site.secrets['the Temporal key']);
    assert.deepEqual(config(0)['attachAccount'], {
      username: 'azureml',
      publicKey: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKeyOfTheTest',
    });

    assert.deepEqual(await site.activities.enrolVirtualMachine(await machine()), { ...first });
    assert.equal(site.machines.scripts.length, 1);
  });

  it('is done anew when the site’s policy changed, with a new key', async () => {
    const before = await site.activities.enrolVirtualMachine(await machine());
    await site.configure({ release: { pickle: 'allow' } });
    const changed = await site.activities.enrolVirtualMachine(await machine());
    assert.notEqual(changed.publicKey.x, before.publicKey.x);
    assert.equal(site.machines.scripts.length, 2);
    assert.deepEqual(config(-1)['policy']?.['release'], ReleasePolicy.parse({ pickle: 'allow' }));
  });

  it('whose answer was lost is found again, with the key that the VM has', async () => {
    await site.configure({ packageIndex: 'https://other.example/simple' });
    await site.fixture.fault({ route: 'PUT /**/extensions/*', moment: 'after', action: 'drop' });
    const enrolled = await retried(async () => site.activities.enrolVirtualMachine(await machine()));
    assert.equal(site.machines.scripts.length, 3);
    assert.equal(config(-1)['privateKey']?.['x'], enrolled.publicKey.x);
  });

  it('that fails says what the installer said, and is tried again from the start', async () => {
    await site.configure({ packageIndex: 'https://third.example/simple' });
    site.machines.result = { exitCode: 1, stdout: '', stderr: 'needs systemd 245 or later' };
    await assert.rejects(
      site.activities.enrolVirtualMachine(await machine()),
      (error: Error & { class: string; type: string }) => {
        assert.deepEqual(
          [error.class, error.type, (error as { retryable?: unknown }).retryable],
          ['host', 'InstallFailed', false],
        );
        assert.match(error.message, /needs systemd 245/);
        return true;
      },
    );
    site.machines.result = { exitCode: 53, stdout: '', stderr: 'download failed' };
    await assert.rejects(site.activities.enrolVirtualMachine(await machine()), {
      type: 'InstallInterrupted',
      retryable: true,
    });
    site.machines.result = { exitCode: 0, stdout: '', stderr: '' };
    await site.activities.enrolVirtualMachine(await machine());
  });

  it('gives the VM the keys of payloads, and again when one is added', async () => {
    const reference = (i: number) => `file:${site.directory}/payload-key-${i}`;
    const [first, second] = [site.secrets['the first payload key'], site.secrets['the second payload key']];
    await site.configure({ codec: { keys: { one: reference(0) }, current: 'one', required: true } });
    const enrolled = await site.activities.enrolVirtualMachine(await machine());
    assert.deepEqual(config(-1)['codec'], { keys: { one: first }, current: 'one', required: true });
    const scripts = site.machines.scripts.length;
    await site.activities.enrolVirtualMachine(await machine());
    assert.equal(site.machines.scripts.length, scripts, 'once');

    await site.configure({ codec: { keys: { one: reference(0), two: reference(1) }, current: 'one', required: true } });
    const anew = await site.activities.enrolVirtualMachine(await machine());
    assert.deepEqual(config(-1)['codec'], { keys: { one: first, two: second }, current: 'one', required: true });
    assert.equal(anew.queue, enrolled.queue);

    await site.configure({ codec: { keys: { one: reference(9) }, current: 'one' } });
    await assert.rejects(site.activities.enrolVirtualMachine(await machine()), { type: 'SecretUnavailable' });
    await site.configure();
  });

  it('of a VM that is gone says so', async () => {
    await assert.rejects(site.activities.enrolVirtualMachine({ ...(await machine()), name: 'demo-none' }), {
      class: 'host',
      type: 'MachineGone',
    });
  });

  it('shows ARM’s readers no secret: neither a GET nor the audit of ARM has one', async () => {
    const audit = JSON.stringify(await site.fixture.admin('GET', '/requests?front=stack-hub'));
    for (const [name, value] of Object.entries(site.secrets)) assert.ok(!audit.includes(value.trim()), name);
    assert.doesNotMatch(JSON.stringify(site.step.heartbeats), /sig=|Bearer|"d":/);
  });
});

describe('attaching', () => {
  it('opens one address and one rule, and closes both', async () => {
    await retried(() => site.activities.provisionVirtualMachine(plan()));
    const { address } = await site.activities.openAttachRule(plan());
    assert.match(address, /^\d+\.\d+\.\d+\.\d+$/);
    assert.deepEqual(await site.activities.openAttachRule(plan()), { address });
    assert.ok((await resources()).includes('demo-ds1-v2-ip'));
    await site.activities.closeAttachRule(plan());
    await site.activities.closeAttachRule(plan());
    assert.deepEqual(await resources(), whole);
  });

  it('survives lost answers', async () => {
    const lost = ['publicIPAddresses/*', 'networkInterfaces/*', 'securityRules/*'];
    for (const path of lost) await site.fixture.fault({ route: `PUT /**/${path}`, moment: 'after', action: 'drop' });
    await retried(() => site.activities.openAttachRule(plan()), lost.length + 1);
    await retried(() => site.activities.closeAttachRule(plan()));
    assert.deepEqual(await resources(), whole);
    assert.deepEqual(await fired(), [1, 1, 1]);
  });

  it('is forbidden where the site says never, whatever the plan says', async () => {
    await site.configure({ attach: { mode: 'never' } });
    await assert.rejects(site.activities.openAttachRule(plan()), {
      class: 'policy',
      type: 'AttachForbidden',
      retryable: false,
    });
    await site.activities.closeAttachRule(plan());
  });

  it('goes with the VM', async () => {
    await site.activities.openAttachRule(plan());
    await site.activities.deleteVirtualMachine('demo-ds1-v2');
    assert.deepEqual(await resources(), []);
  });
});
