import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestVersion, offeredVersions } from '../../activities/edge/python-offer.ts';

test('what a VM has of Python is read from uv’s list, and the nearest is found; of two the newer', () => {
  const list = [
    'cpython-3.13.0-linux-x86_64-gnu    /opt/python3.13',
    'cpython-3.9.2-linux-x86_64-gnu     /usr/bin/python3.9',
    'cpython-3.9.2-linux-x86_64-gnu     /usr/bin/python3 -> python3.9',
    'cpython-3.11.2-linux-x86_64-gnu    /usr/bin/python3.11',
    'pypy-3.10.1-linux-x86_64-gnu       /usr/bin/pypy3',
  ];
  const versions = offeredVersions(list.join('\n'));
  assert.deepEqual(versions, ['3.9', '3.11', '3.13']);
  assert.equal(nearestVersion('3.8', versions), '3.9');
  assert.equal(nearestVersion('3.10', versions), '3.11');
  assert.equal(nearestVersion('3.14', versions), '3.13');
  assert.equal(nearestVersion('3.11', []), undefined);
});
