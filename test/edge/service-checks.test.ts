import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { asyncLocalStorage, type Context } from '@temporalio/activity';
import { askService } from '../../activities/edge/ask-service.ts';
import type { EdgeDependencies } from '../../activities/edge/dependencies.ts';
import { testService } from '../../activities/edge/test-service.ts';
import { watchService } from '../../activities/edge/watch-service.ts';
import type { DeploymentPlan } from '../../domain/deployment.ts';
import { serverCertificate } from '../../sandbox/server/certificate-authority.ts';
import type { ServiceStatus } from '../../services/systemd.ts';

const JOB = 'a'.repeat(20);
const home = mkdtempSync(join(tmpdir(), 'edge-train-serves-'));
const socket = join(home, 'services', JOB, 'socket', 'http.sock');
mkdirSync(join(socket, '..'), { recursive: true });
after(() => rmSync(home, { recursive: true }));
let servers: Server[] = [];
afterEach(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  servers = [];
});

const plan = (change: Partial<DeploymentPlan> = {}) =>
  ({ job: JOB, startSeconds: 20, probationSeconds: 0, ...change }) as DeploymentPlan;
const UP: ServiceStatus = { state: 'running', restarts: 0, invocation: 'one' };

async function listen(place: string | number, answer: RequestListener): Promise<number> {
  const server = createServer(answer);
  servers.push(server);
  await new Promise<void>((resolve) =>
    typeof place === 'string' ? server.listen(place, resolve) : server.listen(place, '127.0.0.1', resolve),
  );
  return typeof place === 'string' ? 0 : (server.address() as AddressInfo).port;
}

/** Runs a step as Temporal does; `serving` is what systemd says at each look. */
function step<T>(
  serving: () => ServiceStatus,
  deed: (edge: EdgeDependencies) => Promise<T>,
  { heartbeatDetails, beats = [] }: { heartbeatDetails?: unknown; beats?: unknown[] } = {},
): Promise<T> {
  const edge = { home, launcher: { serving: async () => serving() } } as unknown as EdgeDependencies;
  const context = {
    cancellationSignal: new AbortController().signal,
    heartbeat: (details: unknown) => void beats.push(details),
    info: { heartbeatDetails },
  } as unknown as Context;
  return asyncLocalStorage.run(context, () => deed(edge));
}

test('a version that comes up late is waited for; one without recorded rows is only asked for its health', async () => {
  let asked = 0;
  await listen(socket, (request, response) => {
    assert.equal(request.url, '/');
    response.writeHead(++asked < 3 ? 503 : 200).end();
  });
  const { rows, startedInSeconds } = await step(
    () => UP,
    (edge) => testService(edge, { plan: plan(), grants: [] }),
  );
  assert.equal(rows, null);
  assert.equal(asked, 3);
  assert.ok(startedInSeconds >= 0.3);
});

test('one that never answers, or whose server ends again and again, does not serve', async () => {
  const refused = { type: 'ServiceNotHealthy', class: 'script', retryable: false };
  const never = step(
    () => UP,
    (edge) => testService(edge, { plan: plan({ startSeconds: 1 }), grants: [] }),
  );
  await assert.rejects(never, { ...refused, message: /within 1 s/ });
  const ending = step(
    () => ({ ...UP, restarts: 3 }),
    (edge) => testService(edge, { plan: plan(), grants: [] }),
  );
  await assert.rejects(ending, { ...refused, message: /server ended/ });
});

test('a version that is watched is asked through its front, and one that was started anew has died', async () => {
  const port = await listen(0, (_request, response) => void response.end());
  const beats: unknown[] = [];
  await step(
    () => UP,
    (edge) => watchService(edge, { plan: plan(), port }),
    { beats },
  );
  const [seen] = beats as { invocation: string; until: number }[];
  assert.equal(seen?.invocation, 'one');
  const watch = (status: ServiceStatus, heartbeatDetails?: unknown) =>
    step(
      () => status,
      (edge) => watchService(edge, { plan: plan(), port }),
      heartbeatDetails ? { heartbeatDetails } : {},
    );
  await assert.rejects(watch({ ...UP, state: 'down' }), { type: 'ServiceDied', class: 'script', retryable: false });
  // Started anew while the VM's worker was away: what an attempt before saw counts.
  await assert.rejects(watch({ ...UP, invocation: 'two' }, seen), { type: 'ServiceDied' });
  await watch({ ...UP, invocation: 'two' }, { ...seen, service: 'b'.repeat(20) });
});

test('a front with TLS is asked by its certificate, and another’s is its end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'edge-train-front-'));
  const pair = async (name: string) => {
    mkdirSync(join(folder, name));
    return serverCertificate({ ca: join(folder, name, 'ca.pem'), own: join(folder, name) }, ['127.0.0.1']);
  };
  try {
    const [own, other] = [await pair('own'), await pair('other')];
    const [certificate, anothers] = ['own', 'other'].map((name) => readFileSync(join(folder, name, 'ca.pem'), 'utf8'));
    const front = createTlsServer(own, (_request, response) => void response.end());
    servers.push(front);
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    const { port } = front.address() as AddressInfo;
    const watch = (trusted: string | undefined) =>
      step(
        () => UP,
        (edge) =>
          watchService(edge, { plan: plan(), port, address: `https://127.0.0.1:${port}`, certificate: trusted ?? '' }),
      );
    await watch(certificate);
    await assert.rejects(watch(anothers), { type: 'ServiceDied', message: /healthy/ });
    assert.ok(other);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a front that does not answer is its end too, though one late answer is not', async () => {
  let healthy = 0;
  const port = await listen(0, (_request, response) => void response.writeHead(healthy++ === 0 ? 500 : 200).end());
  await step(
    () => UP,
    (edge) => watchService(edge, { plan: plan(), port }),
  );
  servers[0]?.close();
  await assert.rejects(
    step(
      () => UP,
      (edge) => watchService(edge, { plan: plan(), port }),
    ),
    { message: /healthy/ },
  );
});

test('an answer is taken whole, up to a limit', async () => {
  const port = await listen(0, (request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => (body += piece.toString()));
    request.on('end', () => response.end(request.url === '/large' ? Buffer.alloc(17 * 2 ** 20) : body));
  });
  const place = { host: '127.0.0.1', port } as const;
  assert.deepEqual(await askService(place, '/score', { body: '[1]' }), { status: 200, text: '[1]' });
  await assert.rejects(askService(place, '/large'), /more than/);
});
