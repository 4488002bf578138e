import assert from 'node:assert/strict';
import { test } from 'node:test';
import { madeUpRows } from '../../domain/model-signature.ts';
import { readInputSignature } from '../../services/serving-image/mlflow-model.ts';

const column = (type: string, name?: string, more: object = {}) => ({ type, ...(name ? { name } : {}), ...more });
const tensor = (dtype: string, shape: number[], name?: string) => ({
  ...{ type: 'tensor', 'tensor-spec': { dtype, shape } },
  ...(name ? { name } : {}),
});

test('rows are made up of a signature’s columns, each by its type', () => {
  const made = madeUpRows([
    column('double', 'size'),
    column('long', 'count'),
    column('boolean', 'old'),
    column('datetime', 'at'),
    column('array', 'points', { items: { type: 'float' } }),
    column('object', 'of', { properties: { age: { type: 'integer' } } }),
  ]);
  const row = [0.5, 1, true, '2020-01-01T00:00:00', [0.5], { age: 1 }];
  assert.deepEqual(made, {
    body: { input_data: { columns: ['size', 'count', 'old', 'at', 'points', 'of'], data: [row, row] } },
    ...{ rows: 2, hasText: false },
  });
  assert.equal(madeUpRows([column('string', 'sex')])?.hasText, true);
  assert.deepEqual(madeUpRows([column('double'), column('double')])?.body.input_data, [
    [0.5, 0.5],
    [0.5, 0.5],
  ]);
});

test('and of tensors, in their shape', () => {
  assert.deepEqual(madeUpRows([tensor('float32', [-1, 2])]), {
    body: {
      input_data: [
        [0.5, 0.5],
        [0.5, 0.5],
      ],
    },
    ...{ rows: 2, hasText: false },
  });
  assert.deepEqual(madeUpRows([tensor('int64', [3, -1], 'ids'), tensor('bool', [3], 'mask')])?.body.input_data, {
    ids: [[1], [1], [1]],
    mask: [true, true, true],
  });
});

test('none are made up where a signature asks for what nobody knows, or says nothing', () => {
  for (const inputs of [
    undefined,
    null,
    [],
    {},
    [column('hologram', 'a')],
    [tensor('complex64', [-1])],
    [tensor('int64', [])],
  ])
    assert.equal(madeUpRows(inputs), undefined, JSON.stringify(inputs));
});

test('the signature is read from the MLmodel file', () => {
  const text = `signature:\n  inputs: '[{"type": "double", "name": "a", "required": true}]'\n  outputs: null\n`;
  assert.equal(madeUpRows(readInputSignature(text))?.rows, 2);
  for (const none of ['', 'flavors: {}', 'signature: null', "signature: {inputs: 'no'}"])
    assert.equal(readInputSignature(none), undefined, none);
});
