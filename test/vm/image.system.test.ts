import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { LOOPBACK } from '../../domain/deployments.ts';
import { until } from '../support/until.ts';
import { call, createJob, LIMITS, newJob, runJob, runToEnd, type LauncherError } from './jobs.ts';
import { get, putServer, unpack } from './serving.ts';
import { bootMachine, type TestMachine } from './vm.ts';

const script = (name: string) => readFile(join(import.meta.dirname, name), 'utf8');
const DIGEST = 'a'.repeat(64);
const IMAGES = '/var/lib/edge-train/images';
const image = {
  digest: DIGEST,
  environment: { PATH: '/opt/tools:/usr/bin:/bin', FLAVOUR: 'image', GREETING: 'image' },
};
const SHUT = ['EPERM', 'EACCES', 'EROFS', 'EAFNOSUPPORT', 'ENETUNREACH', 'ENOENT', 'EAI', 'ECONNREFUSED'];
/** A file system has these names, and here they are the image's own. */
const OF_THE_IMAGE = ['shadow', 'os-release', 'hostname', 'logs'];

const SERVED = { image: DIGEST, memoryBytes: 128 * 2 ** 20 };

/** Asks until somebody answers. */
const answers = <T>(ask: () => Promise<T>): Promise<T> =>
  until('it answers', () => ask().catch(() => undefined)) as Promise<T>;

/** The service's own socket, once its server answers there. */
async function healthy(machine: TestMachine, service: string): Promise<string> {
  const socket = `/var/lib/edge-train/services/${service}/socket/http.sock`;
  await answers(() => get(machine, socket));
  return socket;
}

describe('the tree of an image as the cage’s root', () => {
  let machine: TestMachine;
  before(
    async () => {
      machine = await bootMachine((config) => ({
        ...config,
        policy: {
          ...config.policy,
          services: {
            ...{ memoryBytes: 256 * 2 ** 20, ports: [8100, 8101], imageKeys: [], receiptKeys: [] },
            ...{ listen: LOOPBACK, keys: {} },
          },
        },
      }));
      await unpack(
        machine,
        DIGEST,
        'chmod u+s usr/bin/env; mkdir -p opt/tools; echo image >opt/marker; ln -s /usr/bin/python3 opt/tools/interpreter',
      );
      await putServer(machine, `${IMAGES}/staging/${DIGEST}`);
      assert.deepEqual(await call(machine, { verb: 'seal', digest: DIGEST }), {
        path: `${IMAGES}/${DIGEST}`,
        sealed: true,
      });
    },
    { timeout: 300_000 },
  );
  after(() => machine?.remove(), { timeout: 120_000 });

  it('is root’s, without set-ID bits, and is not made twice', async () => {
    const tree = `${IMAGES}/${DIGEST}`;
    assert.equal(await machine.sh(`find ${tree} ! -user root -o ! -group root -o -perm /7022 ! -type l | head -3`), '');
    assert.deepEqual(await call(machine, { verb: 'image', digest: DIGEST }), { path: tree, sealed: true });
    const refused = await machine.exec(['sh', '-c', `echo x >${tree}/tree/opt/marker`], { user: 'edge-train' });
    assert.notEqual(refused.code, 0);
  });

  it('is what the script sees, with the image’s variables below the job’s own, and its outputs and limits as ever', async () => {
    const { status, log, path } = await runJob(
      machine,
      [
        'cat /opt/marker; echo "$FLAVOUR $GREETING $HOME $PATH"; pwd',
        'interpreter -c "import sys; print(sys.version_info[:2], sys.prefix)"',
        'ls /job; ls -d /var/lib/edge-train /etc/edge-train /opt/edge-train /run/edge-train 2>/dev/null',
        'echo m >/job/outputs/model/m; echo t >"$TMPDIR/t"; (echo x >/opt/marker) 2>/dev/null || echo read-only',
      ].join('\n'),
      { image },
    );
    assert.equal(status.result?.cage.refused, undefined, JSON.stringify(status));
    assert.equal(
      log,
      [
        ...['image', 'image hello /job/scratch/home /opt/tools:/usr/bin:/bin', '/job/code', '(3, 11) /usr'],
        ...['code', 'image', 'inputs', 'outputs', 'relay', 'scratch', 'source', 'spec', 'state', 'read-only', ''],
      ].join('\n'),
    );
    assert.equal(await machine.sh(`cat ${path}/outputs/model/m`, { user: 'edge-train' }), 'm\n');
    const late = await runJob(machine, 'sleep 60', { image, seconds: 1 });
    assert.equal(late.status.result?.serviceResult, 'timeout');
    const large = await runJob(machine, 'python3 -c "x = bytearray(600 << 20)"; exit 0', { image });
    assert.ok((large.status.result?.oomKills ?? 0) > 0 || large.status.result?.serviceResult === 'oom-kill');
    const flood = await runJob(machine, 'yes | head -c 3000000', { image });
    assert.ok(flood.log.length < LIMITS.logBytes + 200);
  });

  it('has the tracking server of its job, which runs on the VM’s own programs, and nothing else of it', async () => {
    // One that answers as a server would: what counts is the way there, from the image's root.
    const server = [
      'import socket',
      'listener = socket.socket(fileno=3)',
      'while True:',
      '    asked = listener.accept()[0]',
      '    asked.recv(65536)',
      '    asked.sendall(b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\nserved\\n")',
      '    asked.close()',
    ].join('\n');
    const tracking = '7'.repeat(64);
    const { path: home } = await call<{ path: string }>(machine, { verb: 'environment', digest: tracking });
    const input = `#!/usr/bin/python3\n${server}\n`;
    const python = `mkdir ${home}/bin && cat >${home}/bin/python && chmod 755 ${home}/bin/python`;
    await machine.exec(['sh', '-c', python], { input, user: 'edge-train' });
    await machine.sh(`rmdir ${IMAGES}/${DIGEST}/tree/job/relay`); // as in one that was sealed before
    const ask = `exec 3<>/dev/tcp/127.0.0.1/5000 && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && tail -n 1 <&3`;
    const command = `${ask}; ls -A /job/relay; (echo x >/job/relay/x) 2>&1 | grep -o Read-only; ls -d /env /store 2>/dev/null`;
    const { status, log } = await runJob(machine, command, { image, tracking });
    assert.equal(status.result?.cage.refused, undefined, JSON.stringify(status));
    assert.equal(log, 'served\nmlflow.sock\nRead-only\n');
    assert.equal(await machine.sh(`find ${IMAGES}/${DIGEST}/tree/job ! -user root`), '');
  });

  it('lets a script do nothing that the cage does not', async () => {
    await machine.exec(['sh', '-c', 'cat >/root/listeners.py'], { input: await script('listeners.py') });
    await machine.sh('systemd-run --quiet --unit=edge-train-test-listeners python3 /root/listeners.py');
    try {
      const listeners = JSON.parse(
        await machine.sh(
          'i=0; until [ -s /run/edge-train-test.ports ]; do i=$((i+1)); [ $i -lt 200000 ]; done; cat /run/edge-train-test.ports',
        ),
      ) as object;
      const address = (await machine.sh('hostname -I')).trim().split(' ')[0] ?? '';
      const job = newJob();
      const path = await createJob(machine, job, `python3 probe.py '${JSON.stringify({ ...listeners, address })}'`, {
        image,
      });
      await machine.exec(['sh', '-c', `cat >${path}/source/probe.py`], {
        input: await script('probe.py'),
        user: 'edge-train',
      });
      const { log } = await runToEnd(machine, job);
      const inside = JSON.parse(log) as Record<string, string>;
      const open = Object.entries(inside).filter(([, answer]) => !SHUT.includes(answer));
      assert.deepEqual(
        open.map(([way]) => way).filter((way) => !OF_THE_IMAGE.includes(way)),
        [],
      );
      assert.ok(Object.keys(inside).length > 60);
      assert.equal(inside['tcp'], 'ENETUNREACH');
      assert.equal(inside['machine.json'], 'ENOENT');

      // A model that serves is caged as well, and nobody but its front and the worker reaches it.
      const [service, front] = ['5e'.repeat(10), 'f0'.repeat(10)];
      await call(machine, { verb: 'serve', service, front, ...SERVED });
      const socket = await healthy(machine, service);
      const given = encodeURIComponent(JSON.stringify({ ...listeners, address }));
      const serving = (await get(machine, socket, `/probe?given=${given}`)) as Record<string, string>;
      const ways = Object.entries(serving).filter(
        ([way, answer]) => !SHUT.includes(answer) && !OF_THE_IMAGE.includes(way),
      );
      assert.deepEqual(ways, []);
      assert.ok(Object.keys(serving).length > 60);
      assert.equal(serving['tcp'], 'ENETUNREACH');
      assert.equal((await get(machine, socket, '/', 'edge-train'))['service'], service);
      await assert.rejects(get(machine, socket, '/', 'edgeadmin'), /Permission denied/);
      await call(machine, { verb: 'retire', service });
    } finally {
      await machine.exec(['systemctl', 'stop', 'edge-train-test-listeners']);
    }
  });

  it('serves as a service: traffic moves by a link, what is under way ends where it began, and a reboot changes nothing', async () => {
    const [front, one, two] = ['ab'.repeat(10), '01'.repeat(10), '02'.repeat(10)];
    const begun = await call<{ state: string; routed: string | null }>(machine, {
      ...{ verb: 'serve', service: one, front, ...SERVED },
    });
    assert.deepEqual([begun.state, begun.routed], ['running', null]);
    await healthy(machine, one);
    const led = { port: 8100, address: 'http://127.0.0.1:8100' };
    assert.deepEqual(await call(machine, { verb: 'route', front, service: one }), { ...led, service: one });
    const { uid, slow: _, told: __, ...said } = await get(machine, 8100);
    assert.deepEqual(said, { service: one, flavour: 'image', folder: '/opt' });
    assert.ok(Number(uid) >= 61_184, 'a dynamic user');

    await call(machine, { verb: 'serve', service: two, front, ...SERVED });
    await healthy(machine, two);
    assert.equal((await get(machine, 8100))['service'], one, 'until the traffic is moved');
    const slow = get(machine, 8100, '/?seconds=8');
    const first = `/var/lib/edge-train/services/${one}/socket/http.sock`;
    await until('the slow request is under way', async () => (await get(machine, first))['slow'] === 1);
    assert.deepEqual(await call(machine, { verb: 'route', front, service: two }), { ...led, service: two });
    assert.equal((await get(machine, 8100))['service'], two);
    assert.deepEqual(await call(machine, { verb: 'settle', front }), { service: two, retired: [one] });
    assert.equal((await slow)['service'], one, 'what was under way is answered');
    const routed = await call<LauncherError>(machine, { verb: 'retire', service: two });
    assert.equal(routed.error.type, 'ServiceRouted');

    await assert.rejects(get(machine, 8100, '/die'));
    await healthy(machine, two);
    assert.equal((await call<{ restarts: number }>(machine, { verb: 'serving', service: two })).restarts, 1);
    const kept =
      'import sys; sys.path.insert(0, "/opt/edge-train/cage"); import stock; print(sys.argv[1] in stock.in_use())';
    assert.equal(await machine.sh(`python3 -I -c '${kept}' ${DIGEST}`), 'True\n');

    await machine.stop();
    await machine.start();
    assert.equal((await answers(() => get(machine, 8100)))['service'], two);

    await call(machine, { verb: 'unroute', front });
    await assert.rejects(get(machine, 8100), /refused/);
    assert.deepEqual(await call(machine, { verb: 'settle', front }), { service: null, retired: [two] });
    const left =
      'ls /var/lib/edge-train/services /var/lib/edge-train/services/by-front; ls -d /etc/systemd/system/edge-train-*@*.d; ls /etc/systemd/system/*.wants | grep -E "serve|front"; true';
    assert.equal(
      await machine.sh(`(${left}) 2>/dev/null`),
      '/var/lib/edge-train/services:\nby-front\n\n/var/lib/edge-train/services/by-front:\n',
    );
  });

  it('serves within the site’s policy only, and for nobody else’s front', async () => {
    const type = async (request: object) => (await call<Partial<LauncherError>>(machine, request)).error?.type;
    const serve = (service: string, front: string, more = {}) => ({
      verb: 'serve',
      service,
      front,
      ...SERVED,
      ...more,
    });
    const id = (digits: string) => digits.repeat(10);
    assert.equal(await type(serve(id('a1'), id('b1'), { memoryBytes: 257 * 2 ** 20 })), 'PolicyRefused');
    assert.equal(await type(serve('../../../etc', id('b1'))), 'InvalidRequest');
    assert.equal(await type(serve(id('a1'), id('b1'), { image: 'c'.repeat(64) })), 'InvalidRequest');
    for (const [service, front] of [
      ['a1', 'b1'],
      ['a2', 'b2'],
      ['a3', 'b3'],
    ] as const) {
      assert.equal(await type(serve(id(service), id(front))), undefined);
    }
    assert.equal(await type(serve(id('a1'), id('b2'))), 'InvalidRequest');
    assert.equal(await type({ verb: 'route', front: id('b2'), service: id('a1') }), 'InvalidRequest');
    assert.equal(await type({ verb: 'route', front: id('b1'), service: id('a1') }), undefined);
    assert.equal(await type({ verb: 'route', front: id('b2'), service: id('a2') }), undefined);
    assert.equal(await type({ verb: 'route', front: id('b3'), service: id('a3') }), 'PolicyRefused');
    for (const front of ['b1', 'b2', 'b3']) {
      await call(machine, { verb: 'unroute', front: id(front) });
      await call(machine, { verb: 'settle', front: id(front) });
    }
  });

  it('runs nothing of its own in the cage’s name, however its files are laid', async () => {
    const digest = 'b'.repeat(64);
    // Each would be run or loaded by root's own commands, if those looked for their programs in the image.
    const traps = [
      'mkdir -p etc/python3.11 edge-train/host job/state',
      'echo "import os; os.system(\'touch /job/state/trapped\')" >etc/python3.11/sitecustomize.py',
      'echo /usr/lib/trap.so >etc/ld.so.preload',
      'rm usr/bin/python3 lib64 && mkdir lib64',
      'for f in usr/bin/python3 lib64/ld-linux-x86-64.so.2 lib64/libc.so.6; do printf "#!/bin/sh\\ntouch /job/state/trapped\\n" >$f; chmod 755 $f; done',
      'rm -r tmp proc && ln -s /etc tmp && ln -s usr proc',
    ];
    await unpack(machine, digest, traps.join('; '));
    await call(machine, { verb: 'seal', digest });
    const { status, log, path } = await runJob(machine, 'ls /etc/ld.so.preload; true', {
      image: { digest, environment: {} },
    });
    assert.equal(status.result?.cage.refused, undefined, JSON.stringify(status));
    assert.ok(status.result?.cage.finished, `${log}${JSON.stringify(status)}`);
    assert.equal((await machine.exec(['test', '-e', `${path}/state/trapped`])).code, 1);
    assert.ok(await machine.sh(`cat ${path}/state/result.json`));
  });

  it('is refused where it is not the one that was sealed, or has what no image has', async () => {
    const { error } = await call<LauncherError>(machine, {
      verb: 'create',
      job: newJob(),
      image: 'c'.repeat(64),
      limits: LIMITS,
    });
    assert.equal(error.type, 'InvalidRequest');
    await machine.sh(`echo ${'d'.repeat(64)} >${IMAGES}/${DIGEST}/tree/job/image`);
    try {
      const { status, log } = await runJob(machine, 'echo trained', { image });
      assert.match((status.result?.cage.refused ?? []).join('; '), /root is not the image/);
      assert.equal(log, '');
    } finally {
      await machine.sh(`printf ${DIGEST} >${IMAGES}/${DIGEST}/tree/job/image`);
    }
    const digest = 'e'.repeat(64);
    await call(machine, { verb: 'image', digest });
    const staging = `${IMAGES}/staging/${digest}`;
    await machine.sh(`mkdir ${staging}/tree && mkfifo ${staging}/tree/pipe`, { user: 'edge-train' });
    assert.equal((await call<LauncherError>(machine, { verb: 'seal', digest })).error.type, 'NotSealed');
    await call(machine, { verb: 'image', digest });
    await machine.sh(`mkdir ${staging}/tree`, { user: 'edge-train' });
    await machine.sh(`echo secret >${staging}/other && ln ${staging}/other ${staging}/tree/other`);
    assert.equal((await call<LauncherError>(machine, { verb: 'seal', digest })).error.type, 'NotSealed');
  });
});

describe('what a VM keeps for the next run', () => {
  let machine: TestMachine;
  const MiB = 2 ** 20;
  before(
    async () => {
      machine = await bootMachine((config) => ({
        ...config,
        policy: { ...config.policy, cacheBytes: 50 * MiB, cacheDays: 10 },
      }));
    },
    { timeout: 300_000 },
  );
  after(() => machine?.remove(), { timeout: 120_000 });

  const home = '/var/lib/edge-train';
  const digest = (letter: string) => letter.repeat(64);
  /** Made by the worker, so many MiB. */
  async function keep(letter: string, megabytes: number): Promise<void> {
    const { path } = await call<{ path: string }>(machine, { verb: 'environment', digest: digest(letter) });
    await machine.sh(`head -c ${megabytes * MiB} /dev/zero >${path}/x && echo {} >${path}/ready.json`, {
      user: 'edge-train',
    });
  }
  const used = (letter: string, days: number) =>
    machine.sh(`touch -d '${days} days ago' ${home}/used/${digest(letter)}`);
  const kept = async () =>
    (await machine.sh(`ls ${home}/environments ${home}/images`))
      .split('\n')
      .filter((name) => /^([a-f1-9])\1{63}$/.test(name))
      .map(([letter]) => letter);

  it('goes when it is old or all of it is too large, the least recently used first, and never what a job names', async () => {
    for (const [letter, megabytes] of Object.entries({ a: 1, b: 1, c: 25, d: 25, e: 15 }))
      await keep(letter, megabytes);
    const job = newJob();
    await call(machine, { verb: 'create', job, environment: digest('b'), limits: LIMITS });
    // Too old; too old, but a job names it; of two that are too much together the older; and what was just used.
    for (const [letter, days] of Object.entries({ a: 11, b: 12, c: 9, d: 8 })) await used(letter, days);
    await machine.sh(`mkdir ${home}/images/staging/${digest('1')}`);
    await machine.sh(`touch -d '2 days ago' ${home}/images/staging/${digest('1')}`);
    await call(machine, { verb: 'image', digest: digest('f') });
    assert.deepEqual(await kept(), ['b', 'd', 'e']);
    assert.equal(
      await machine.sh(`ls ${home}/trash ${home}/images/staging`),
      `${home}/images/staging:\n${digest('f')}\n\n${home}/trash:\n`,
    );
    await call(machine, { verb: 'remove', job });
    await call(machine, { verb: 'environment', digest: digest('d') });
    assert.deepEqual(await kept(), ['b', 'd', 'e'], 'what is there costs nothing, and moves nothing');
    await call(machine, { verb: 'environment', digest: digest('9') });
    assert.deepEqual(await kept(), ['9', 'd', 'e']);
  });
});
