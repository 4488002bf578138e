import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { RoutedModel } from '../../domain/deployment.ts';
import { LOOPBACK } from '../../domain/deployments.ts';
import type { MachineConfig } from '../../domain/machine-config.ts';
import { sha256 } from '../../services/signing.ts';
import { until } from '../support/until.ts';
import { call, type LauncherError } from './jobs.ts';
import { ask, say } from './outside.ts';
import { get, putServer, unpack } from './serving.ts';
import { bootMachine, type TestMachine } from './vm.ts';

const IMAGE = 'a'.repeat(64);
const SERVED = { image: IMAGE, memoryBytes: 128 * 2 ** 20 };
const IMAGES = '/var/lib/edge-train/images';
const [WARD, LAB] = ['k3y-of-the-ward', 'k3y-of-the-lab'];
const [front, one, two] = ['ab'.repeat(10), '01'.repeat(10), '02'.repeat(10)];

const withFronts = (config: MachineConfig, listen: string, keys: Record<string, string>): MachineConfig => ({
  ...config,
  policy: {
    ...config.policy,
    services: {
      ...{ memoryBytes: 256 * 2 ** 20, ports: [8100, 8101], imageKeys: [], receiptKeys: [] },
      listen,
      keys: Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, sha256(key)])),
    },
  },
});

describe('a model that is asked from other machines', () => {
  let machine: TestMachine;
  let model: RoutedModel;
  before(
    async () => {
      machine = await bootMachine((config) => withFronts(config, '0.0.0.0', { ward: WARD }));
      await unpack(machine, IMAGE, 'true');
      await putServer(machine, `${IMAGES}/staging/${IMAGE}`);
      await call(machine, { verb: 'seal', digest: IMAGE });
      for (const service of [one, two]) {
        await call(machine, { verb: 'serve', service, front, ...SERVED });
        const socket = `/var/lib/edge-train/services/${service}/socket/http.sock`;
        await until('it answers', () => get(machine, socket).catch(() => undefined));
      }
      model = await call<RoutedModel>(machine, { verb: 'route', front, service: one });
    },
    { timeout: 300_000 },
  );
  after(() => machine?.remove(), { timeout: 120_000 });

  const install = async (listen: string, keys: Record<string, string>) => {
    const { code, stderr } = await machine.install(withFronts(machine.config, listen, keys));
    assert.equal(code, 0, stderr);
  };
  const told = async (path = '/score', key = WARD) => {
    const { status, text } = await ask(model, path, { key });
    assert.equal(status, 200, text);
    return JSON.parse(text) as { service: string; told: string[] };
  };

  it('is found at an address of the VM, by its certificate and no other', async () => {
    assert.equal(model.address, `https://${machine.address}:8100`);
    await assert.rejects(ask({ ...model, certificate: undefined } as never, '/'), /self-signed/);
    // OpenSSL's own client offers these at that level only; the alert is the front's.
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await assert.rejects(ask(model, '/', old), /alert protocol version/);
    const plain = await new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(8100, machine.address, () => socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'));
      socket.on('data', (piece: Buffer) => (text += piece.toString('latin1')));
      socket.on('error', () => {}).on('close', () => resolve(text));
    });
    assert.doesNotMatch(plain, /service/);
  });

  it('answers nobody without a key but whether it is well, and passes no key on', async () => {
    const well = await ask(model, '/');
    assert.deepEqual([well.status, well.text], [200, 'Healthy\n'], 'and nothing of the model’s own answer');
    for (const [path, key, body] of [
      ['/score', undefined, undefined],
      ['/score', 'another', undefined],
      ['/score', sha256(WARD), undefined],
      ['/score', undefined, 'x'.repeat(1 << 20)],
      ['/?seconds=1', undefined, undefined],
      ['/index', undefined, undefined],
      ['/', undefined, '{}'],
    ] as const) {
      const given = { ...(key === undefined ? {} : { key }), ...(body === undefined ? {} : { body }) };
      const { status, challenge } = await ask(model, path, given);
      assert.deepEqual([status, challenge], [401, 'Bearer'], `${path} ${key}`);
    }
    const { service, told: names } = await told();
    assert.equal(service, one);
    assert.ok(!names.includes('authorization'), names.join());
  });

  it('is whole for odd requests: two lengths, an early answer, a server that dies', async () => {
    const smuggled = `POST /score HTTP/1.1\r\nhost: m\r\nauthorization: Bearer ${WARD}\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /score HTTP/1.1\r\nhost: m\r\n\r\n`;
    assert.match(await say(model, smuggled), /^HTTP\/1.1 400/);
    assert.match(await say(model, 'NONSENSE\r\n\r\n'), /^HTTP\/1.1 400/);
    // The stand-in refuses POST before it has read it, and closes: its answer may be lost, and never the front's.
    const early = await ask(model, '/score', { key: WARD, body: Buffer.alloc(5 << 20) });
    assert.ok([501, 502].includes(early.status), String(early.status));
    const pipelined = 'GET / HTTP/1.1\r\nhost: m\r\n\r\n'.repeat(5000);
    assert.equal(
      (await say(model, pipelined)).match(/HTTP/g)?.length ?? 0,
      0,
      'a stranger who asks twice at once is cut off',
    );
    const died = await ask(model, '/die', { key: WARD });
    assert.deepEqual([died.status, /does not answer/.test(died.text)], [502, true]);
    await until('it is up again', async () => (await ask(model, '/score', { key: WARD })).status === 200);
  });

  it('moves with the traffic, and what is under way ends where it began', async () => {
    const slow = ask(model, '/?seconds=6', { key: WARD });
    const first = `/var/lib/edge-train/services/${one}/socket/http.sock`;
    await until('the slow request is under way', async () => (await get(machine, first))['slow'] === 1);
    const again = await call<RoutedModel>(machine, { verb: 'route', front, service: two });
    assert.deepEqual([again.address, again.certificate], [model.address, model.certificate]);
    assert.equal((await told()).service, two);
    await call(machine, { verb: 'settle', front });
    assert.equal((JSON.parse((await slow).text) as { service: string }).service, one);
  });

  it('takes new keys without a pause, and no old ones', async () => {
    const pid = () => machine.sh(`systemctl show -p MainPID --value edge-train-tls-front@${front}`);
    const before = await pid();
    await install('0.0.0.0', { lab: LAB });
    assert.equal((await ask(model, '/score', { key: WARD })).status, 401);
    assert.equal((await told('/score', LAB)).service, two);
    assert.equal(await pid(), before);
  });

  it('keeps its private key from the worker and from everybody, and its front has no network', async () => {
    for (const user of ['edge-train', 'edgeadmin', 'nobody']) {
      const { code, stderr } = await machine.exec(['cat', '/etc/edge-train/front/pair.pem'], { user });
      assert.notEqual(code, 0);
      assert.match(stderr, /Permission denied/);
    }
    assert.doesNotMatch(model.certificate ?? '', /PRIVATE/);
    const shown = await machine.sh(
      `systemctl show -p PrivateNetwork -p DynamicUser -p NoNewPrivileges --value edge-train-tls-front@${front} | sort -u`,
    );
    assert.equal(shown, 'yes\n');
    const pid = (await machine.sh(`systemctl show -p MainPID --value edge-train-tls-front@${front}`)).trim();
    const own = (path: string) => machine.sh(`readlink ${path}`);
    assert.notEqual(await own(`/proc/${pid}/ns/net`), await own('/proc/1/ns/net'));
  });

  it('comes back after a reboot, at the same place, with the same certificate', async () => {
    await machine.stop();
    await machine.start();
    await until('it answers', () => told('/score', LAB).catch(() => undefined));
    assert.equal((await told('/score', LAB)).service, two);
  });

  it('is asked on loopback again where the site says so, and never at an address that the VM has not', async () => {
    await install('192.0.2.7', { lab: LAB });
    const refused = await call<LauncherError>(machine, { verb: 'route', front, service: two });
    assert.deepEqual(
      [refused.error.type, /no such address/.test(refused.error.message)],
      ['PolicyRefused', true],
      refused.error.message,
    );
    assert.equal((await told('/score', LAB)).service, two);
    await install(LOOPBACK, {});
    assert.equal((await ask(model, '/score', { key: LAB })).status, 401, 'nobody’s key is known any more');
    const back = await call<RoutedModel>(machine, { verb: 'route', front, service: two });
    assert.equal(back.address, 'http://127.0.0.1:8100');
    assert.equal((await get(machine, 8100))['service'], two);
    await assert.rejects(ask(model, '/'), /ECONNREFUSED/);
    await call(machine, { verb: 'unroute', front });
    await assert.rejects(get(machine, 8100), /refused/);
  });
});
