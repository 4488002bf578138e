import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeConfig, send, token, type Fixture } from './fixture.ts';

describe('the server, killed', () => {
  it('keeps what it answered, its trust and its tokens, and ends what it had accepted', async (context) => {
    const directory = mkdtempSync(join(tmpdir(), 'edge-train-killed-'));
    const config = { ...(await makeConfig()), operationMilliseconds: 400 };
    writeFileSync(join(directory, 'server.json'), JSON.stringify(config), { mode: 0o600 });
    let child = await started(directory);
    context.after(async () => {
      await killed(child);
      rmSync(directory, { recursive: true });
    });
    const client = {
      ca: readFileSync(join(directory, 'ca.pem'), 'utf8'),
      stackHub: `https://127.0.0.1:${config.ports.stackHub}`,
      config,
    } as Fixture;
    const bearer = await token(client, 'stackHub');
    const base = `${client.stackHub}/subscriptions/${config.stackHub.subscription}`;
    const headers = { authorization: `Bearer ${bearer}` };
    const call = (method: string, url: string, body?: unknown) => send(client.ca, method, url, { headers, body });

    const operations: string[] = [];
    for (let round = 0; round < 4; round++) {
      const group = `${base}/resourcegroups/g${round}`;
      assert.equal((await call('PUT', `${group}?api-version=2019-10-01`, { location: 'local' })).status, 201);
      const path = `${group}/providers/Microsoft.Network/networkSecurityGroups/n?api-version=2018-11-01`;
      const accepted = await call('PUT', path, { location: 'local' });
      assert.equal(accepted.status, 201);
      operations.push(String(accepted.headers['azure-asyncoperation']));
      await killed(child);
      child = await started(directory);
      assert.equal(readFileSync(join(directory, 'ca.pem'), 'utf8'), client.ca);
      const known = (await call('GET', `${base}/resourcegroups?api-version=2019-10-01`)).body as {
        value: { name: string }[];
      };
      assert.deepEqual(
        known.value.map(({ name }) => name).toSorted(),
        ['operator', ...Array.from({ length: round + 1 }, (_, n) => `g${n}`)].toSorted(),
      );
    }
    for (const url of operations) {
      const deadline = Date.now() + 10_000;
      let status = 'InProgress';
      while (status === 'InProgress' && Date.now() < deadline)
        status = ((await call('GET', url)).body as { status: string }).status;
      assert.equal(status, 'Succeeded');
    }
  });
});

async function started(directory: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'server-child.ts'), directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [text] = (await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')])) as [Buffer | number];
  assert.equal(String(text), 'listening\n');
  return child;
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
