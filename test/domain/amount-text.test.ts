import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesText, count, memoryText } from '../../domain/amount-text.ts';

test('amounts are short, and one is not many', () => {
  assert.deepEqual(
    [0, 1, 2].map((n) => count(n, 'file')),
    ['0 files', '1 file', '2 files'],
  );
  assert.deepEqual([0, 999, 1000, 1536, 125_516, 5e9].map(bytesText), [
    '0 B',
    '999 B',
    '1.0 kB',
    '1.5 kB',
    '126 kB',
    '5.0 GB',
  ]);
  assert.deepEqual([512, 3584, 7168].map(memoryText), ['512 MiB', '3.5 GiB', '7 GiB']);
});
