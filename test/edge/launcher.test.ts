import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ServiceError } from '../../services/errors.ts';
import { createLauncher, type Launcher } from '../../services/systemd.ts';

/** A launcher's socket that answers each line with what `answer` makes of it. */
async function withLauncher(answer: (request: unknown) => string, use: (launcher: Launcher) => Promise<void>) {
  const folder = await mkdtemp(join(tmpdir(), 'edge-train-launcher-'));
  const server = createServer((socket) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.endsWith('\n')) socket.end(answer(JSON.parse(text)));
    });
  });
  await new Promise<void>((resolve) => server.listen(join(folder, 's'), resolve));
  try {
    await use(createLauncher(join(folder, 's')));
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
}

test('each verb is one JSON line, and its answer another', async () => {
  const asked: unknown[] = [];
  const status = { state: 'running', starts: 1, stop: null, startedAt: 1.5, result: null };
  const answer = (request: unknown) => {
    asked.push(request);
    return `${JSON.stringify(['create', 'environment'].includes((request as { verb: string }).verb) ? { ...status, path: '/p' } : status)}\n`;
  };
  await withLauncher(answer, async (launcher) => {
    const limits = { memoryBytes: 1, tasks: 2, seconds: 3, logBytes: 4, sharedMemoryBytes: 5 };
    assert.deepEqual(await launcher.environment('e'), { path: '/p' });
    assert.deepEqual(await launcher.create({ job: 'j', environment: 'e', limits }), { ...status, path: '/p' });
    assert.deepEqual(await launcher.start('j'), status);
    await launcher.create({ job: 'j', image: 'i', limits });
    await launcher.stop('j', 'clean');
    assert.deepEqual(asked, [
      { verb: 'environment', digest: 'e' },
      { verb: 'create', job: 'j', environment: 'e', limits },
      { verb: 'start', job: 'j' },
      { verb: 'create', job: 'j', image: 'i', limits },
      { verb: 'stop', job: 'j', reason: 'clean' },
    ]);
  });
});

test('services are asked for in the same way', async () => {
  const asked: unknown[] = [];
  const answer = (request: unknown) => {
    asked.push(request);
    return `${JSON.stringify({ state: 'running', restarts: 1, invocation: 'x', image: 'i', path: '/p', routed: null, port: 8100 })}\n`;
  };
  await withLauncher(answer, async (launcher) => {
    const { routed } = await launcher.serve({ service: 's', front: 'f', image: 'i', memoryBytes: 1 });
    assert.equal(routed, null);
    assert.equal((await launcher.serving('s')).restarts, 1);
    assert.deepEqual(await launcher.route({ front: 'f', service: 's' }), { port: 8100 });
    assert.equal(await launcher.settle('f'), undefined);
    await launcher.unroute('f');
    await launcher.retire('s');
    assert.deepEqual(asked, [
      { verb: 'serve', service: 's', front: 'f', image: 'i', memoryBytes: 1 },
      { verb: 'serving', service: 's' },
      { verb: 'route', front: 'f', service: 's' },
      { verb: 'settle', front: 'f' },
      { verb: 'unroute', front: 'f' },
      { verb: 'retire', service: 's' },
    ]);
  });
});

test('a refusal carries its verdict; policy is not asked twice, the host is', async () => {
  const verdicts: [string, string, string, boolean][] = [
    ['PolicyRefused', 'policy', 'PolicyRefused', false],
    ['InvalidRequest', 'internal', 'InvalidRequest', false],
    ['StartFailed', 'host', 'CageUnavailable', true],
    ['NotServable', 'input', 'NotServable', false],
    ['ServiceRouted', 'internal', 'ServiceRouted', false],
    ['SomethingNew', 'host', 'CageUnavailable', true],
  ];
  for (const [type, failureClass, named, retryable] of verdicts) {
    await withLauncher(
      () => `${JSON.stringify({ error: { type, message: 'why' } })}\n`,
      async (launcher) => {
        await assert.rejects(launcher.start('j'), (error) => {
          assert.ok(error instanceof ServiceError);
          assert.deepEqual([error.class, error.type, error.retryable], [failureClass, named, retryable]);
          return /why/.test(error.message);
        });
      },
    );
  }
});

test('a launcher that is away, or hangs up, is the host’s fault and asked again', async () => {
  const unreachable = (error: unknown) =>
    error instanceof ServiceError && error.type === 'LauncherUnreachable' && error.retryable;
  await assert.rejects(createLauncher('/nonexistent/socket').status('j'), unreachable);
  await withLauncher(
    () => '',
    async (launcher) => assert.rejects(launcher.status('j'), unreachable),
  );
});
