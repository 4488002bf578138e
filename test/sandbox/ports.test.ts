import assert from 'node:assert/strict';
import test from 'node:test';
import { choosePorts } from '../../sandbox/ports.ts';

test('sandboxes that start at the same moment choose other ports, though none of them listens yet', async () => {
  const range = { from: 15_000, to: 15_200 };
  const chosen = await Promise.all(Array.from({ length: 10 }, () => choosePorts(range)));
  const ports = chosen.flatMap((one) => Object.values(one));
  assert.equal(ports.length, 120);
  assert.equal(new Set(ports).size, ports.length);
  assert.ok(ports.every((port) => port >= range.from && port < range.to));
});
