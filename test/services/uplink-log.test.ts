import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { squidLine } from '../../sandbox/uplink/access-log.ts';
import { sentThroughUplink } from '../../services/uplink-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'edge-train-uplink-log-'));
after(() => rmSync(folder, { recursive: true }));
const log = join(folder, 'access.log');

const line = (time: number, client: string, target: string, bytesOut: number, status = 200) =>
  squidLine({
    ...{ time, elapsedMs: 1, client, bytesIn: 10, bytesOut, method: 'CONNECT', target, peer: '192.0.2.1', status },
    result: status === 200 ? 'TCP_TUNNEL' : 'TCP_DENIED',
  });

test('what one client sent since then is summed by destination, over a log that was put aside meanwhile', async () => {
  const [vm, other] = ['10.20.0.4', '10.20.0.5'];
  const lines = (...all: string[]) => `${all.join('\n')}\n`;
  writeFileSync(`${log}.1`, lines(line(1_000_500, vm, 'a.example:443', 1), line(2_000_000, vm, 'a.example:443', 20)));
  writeFileSync(
    log,
    lines(
      line(2_000_100, vm, 'a.example:443', 300),
      line(2_000_200, other, 'a.example:443', 5000),
      line(2_000_300, vm, 'b.example:443', 0, 403),
      'half a line',
    ),
  );
  assert.deepEqual(await sentThroughUplink(log, vm, 1_500_000), [
    { to: 'a.example:443', connections: 2, refused: 0, received: 20, sent: 320 },
    { to: 'b.example:443', connections: 1, refused: 1, received: 10, sent: 0 },
  ]);
  utimesSync(`${log}.1`, 1000, 1000);
  const [first] = await sentThroughUplink(log, vm, 1_500_000);
  assert.equal(first?.sent, 300, 'a file that was last written to before is not read');
});

test('Squid’s own ten fields do not say what was sent, and nothing is made up', async () => {
  writeFileSync(log, '3000.000     12 10.20.0.4 TCP_TUNNEL/200 700 CONNECT a.example:443 - HIER_DIRECT/192.0.2.1 -\n');
  assert.deepEqual(await sentThroughUplink(log, '10.20.0.4', 2_500_000), [
    { to: 'a.example:443', connections: 1, refused: 0, received: 700 },
  ]);
});

test('a log that is not there is no empty log', async () => {
  await assert.rejects(sentThroughUplink(join(folder, 'absent'), '10.20.0.4', 0), { code: 'ENOENT' });
});
