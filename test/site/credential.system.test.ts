import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { createSiteActivities } from '../../activities/site/index.ts';
import { MachineConfig, MachinePrivateKey } from '../../domain/machine-config.ts';
import { TemporalCredential } from '../../domain/temporal-credential.ts';
import type { MachinePlan } from '../../domain/training-plan.ts';
import type { InstalledMachine } from '../../domain/virtual-machine.ts';
import { findInstalledWorker } from '../../services/stack-hub/extension.ts';
import { openStackHub } from '../../services/stack-hub/session.ts';
import { generateMachineKey, generateSigningKey, openSeal } from '../../services/signing.ts';
import { startSite, type TestSite } from './site.ts';

const HOUR = 3_600_000;
let site: TestSite;
let activities: ReturnType<typeof createSiteActivities>;
/** How much later it is for the site worker. */
let later = 0;
const key = generateSigningKey();

before(async () => {
  site = await startSite({ cores: 8 });
  await writeFile(join(site.directory, 'signing-key'), key.privateKey, { mode: 0o600 });
  const now = () => new Date(Date.now() + later);
  activities = createSiteActivities({ ...site.dependencies, now });
});
after(() => site?.[Symbol.asyncDispose]());
beforeEach(async () => {
  later = 0;
  await configure();
});

const configure = (jwt: Record<string, unknown> | null = {}) => {
  const signingKey = `file:${join(site.directory, 'signing-key')}`;
  const temporal = { address: 'temporal.example:7233', namespace: 'hospital' };
  return site.configure({
    temporal: { ...temporal, ...(jwt ? { jwt: { signingKey, keyId: '2026-11', ...jwt } } : {}) },
  });
};

const plan = (name: string): MachinePlan => ({
  ...{ site: 'demo', name, size: { name: 'Standard_DS1_v2', cores: 1, memoryMiB: 3584 }, after: 'keep' },
  ...{ onLoss: 'restart', attach: 'never', idleSeconds: 60, computeTarget: name },
});
const enrol = async (name = 'one'): Promise<InstalledMachine> =>
  activities.enrolVirtualMachine(await activities.provisionVirtualMachine(plan(name)));

const script = (index = -1) => site.machines.scripts.at(index)?.commandToExecute ?? '';
const document = (text: string) => {
  const encoded = /printf %s '([^']+)' \| base64 -d/.exec(text)?.[1] ?? '';
  return JSON.parse(Buffer.from(encoded, 'base64').toString()) as unknown;
};
const config = (index = -1) => MachineConfig.parse(document(script(index)));

async function hub() {
  const { subscription, clientId, clientSecret } = site.fixture.config.stackHub;
  return openStackHub({
    ...{ endpoint: site.fixture.stackHub, tenant: 'adfs', subscription, location: 'local' },
    ...{ resourceGroup: 'edge-train', clientId, clientSecret, ca: site.fixture.ca },
  });
}

describe('a VM’s own credential', () => {
  let first: InstalledMachine;
  it('is made at its enrolment, for it alone, and found again', async () => {
    first = await enrol();
    const { temporal, privateKey } = config();
    assert.deepEqual(temporal.jwt, { keyId: '2026-11' }, 'the signing key stays here');
    assert.equal(temporal.apiKey, undefined);
    const { payload } = await jwtVerify(temporal.credential?.token ?? '', createPublicKey(key.publicKey));
    assert.deepEqual([payload.sub, payload['permissions']], ['one', ['hospital:write']]);
    assert.equal(first.credentialExpires, temporal.credential?.expires);
    const life = Date.parse(first.credentialExpires ?? '') - Date.now();
    assert.ok(life > 23.9 * HOUR && life <= 24 * HOUR, `${life} ms`);
    assert.deepEqual(await enrol(), first);
    assert.equal(site.machines.scripts.length, 1);

    const other = await enrol('two');
    assert.equal(decodeJwt(config().temporal.credential?.token ?? '').sub, 'two');
    assert.notEqual(other.publicKey.x, privateKey.x);
  });

  it('is renewed by a seal that only that VM opens', async () => {
    const { kind, jwe, expires } = await activities.grantCredential({ machine: 'one', machineKey: first.publicKey });
    assert.equal(kind, 'credential');
    const opened = (await openSeal(jwe, config(0).privateKey)) as { token: string; expires: string };
    assert.equal(opened.expires, expires);
    assert.deepEqual(decodeProtectedHeader(opened.token), { alg: 'ES256', typ: 'JWT', kid: '2026-11' });
    assert.equal(decodeJwt(opened.token).sub, 'one');
    const stranger = MachinePrivateKey.parse(generateMachineKey().privateKey);
    await assert.rejects(openSeal(jwe, stranger), { type: 'SealBroken' });
    await assert.rejects(openSeal(jwe, config(1).privateKey), { type: 'SealBroken' });
  });

  it('is not given for another VM’s name, nor to a key that the Stack Hub does not know', async () => {
    for (const [machine, machineKey] of [
      ['two', first.publicKey],
      ['one', generateMachineKey().publicKey],
      ['three', first.publicKey],
    ] as const)
      await assert.rejects(activities.grantCredential({ machine, machineKey }), {
        ...{ class: 'policy', type: 'KeyMismatch', retryable: false },
      });
  });

  it('is replaced on a VM that comes up with little of it left; bundle, key and configuration stay', async () => {
    const scripts = site.machines.scripts.length;
    later = 11 * HOUR;
    assert.equal((await enrol()).credentialExpires, first.credentialExpires);
    assert.equal(site.machines.scripts.length, scripts);

    later = 30 * HOUR;
    const again = await enrol();
    assert.deepEqual([again.publicKey, again.queue], [first.publicKey, first.queue]);
    assert.equal(site.machines.scripts.length, scripts + 1);
    assert.deepEqual(site.machines.scripts.at(-1)?.fileUris, []);
    assert.doesNotMatch(script(), /install\.py|privateKey/);
    const credential = TemporalCredential.parse(document(script()));
    assert.equal(decodeJwt(credential.token).sub, 'one');
    assert.equal(again.credentialExpires, credential.expires);
    assert.ok(Date.parse(credential.expires) > Date.now() + 53 * HOUR);
    assert.deepEqual(await enrol(), again);
    assert.equal(site.machines.scripts.length, scripts + 1);
    await activities.grantCredential({ machine: 'one', machineKey: first.publicKey });
  });

  it('that could not be put on the VM leaves the worker known, and is tried again', async () => {
    later = 90 * HOUR;
    site.machines.result = { exitCode: 1, stdout: '', stderr: 'no space left' };
    await assert.rejects(activities.installCredential('one'), { type: 'InstallFailed' });
    const known = await findInstalledWorker(await hub(), 'one');
    assert.deepEqual([known?.publicKey, known?.credentialExpires], [first.publicKey, undefined]);
    await activities.grantCredential({ machine: 'one', machineKey: first.publicKey });
    site.machines.result = { exitCode: 0, stdout: '', stderr: '' };
    const { expires } = await activities.installCredential('one');
    const again = await enrol();
    assert.deepEqual([again.credentialExpires, again.publicKey], [expires, first.publicKey]);
  });

  it('is made anew, with all else, where another key signs', async () => {
    await configure({ keyId: '2026-12', issuer: 'https://hospital.example', minutes: 60 });
    const anew = await enrol();
    assert.notEqual(anew.publicKey.x, first.publicKey.x);
    assert.deepEqual(config().temporal.jwt, { keyId: '2026-12', issuer: 'https://hospital.example' });
    assert.ok(Date.parse(anew.credentialExpires ?? '') <= Date.now() + HOUR);
    const scripts = site.machines.scripts.length;
    await configure({ keyId: '2026-12', issuer: 'https://hospital.example', minutes: 30 });
    assert.equal((await enrol()).publicKey.x, anew.publicKey.x, 'a shorter life is the next one’s');
    assert.equal(site.machines.scripts.length, scripts);
    first = anew;
  });

  it('is given no more once the VM is deleted, or the site has taken the key away', async () => {
    await configure(null);
    const request = { machine: 'one', machineKey: first.publicKey };
    await assert.rejects(activities.grantCredential(request), { type: 'CredentialWithdrawn', retryable: false });
    await configure();
    await activities.deleteVirtualMachine('one');
    await assert.rejects(activities.grantCredential(request), { type: 'KeyMismatch', retryable: false });
    await assert.rejects(activities.installCredential('one'), { type: 'MachineGone', retryable: false });
  });

  it('stands in nothing that ARM’s readers see, nor in a heartbeat', async () => {
    const seen = JSON.stringify([await site.fixture.admin('GET', '/requests?front=stack-hub'), site.step.heartbeats]);
    assert.match(seen, /extensions/);
    assert.doesNotMatch(seen, /eyJ[\w-]+\.eyJ/);
    assert.ok(!seen.includes(key.privateKey.split('\n')[1] ?? '-'));
  });
});

describe('site.yml', () => {
  for (const [what, temporal, fault] of [
    ['two ways to one end', { apiKey: 'env:A', jwt: { signingKey: 'env:B', keyId: 'a' } }, /apiKey and jwt/],
    [
      'a key for all namespaces',
      { namespace: 'temporal-system', jwt: { signingKey: 'env:B', keyId: 'a' } },
      /temporal-system/,
    ],
    ['a life of no use', { jwt: { signingKey: 'env:B', keyId: 'a', minutes: 5 } }, /minutes/],
  ] as const)
    it(`refuses ${what}`, async () => {
      await site.configure({ temporal: { address: 'temporal.example:7233', ...temporal } });
      await assert.rejects(enrol(), { type: 'InvalidConfiguration', message: fault });
    });
});
