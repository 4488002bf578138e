import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readSignature, type StatedSignature } from '../../services/serving-image/mlflow-model.ts';
import { describeService } from '../../services/serving-image/openapi.ts';
import { misfits, schemasOf, validDescription, type Description } from '../support/openapi.ts';

const signatureOf = async (kind: string): Promise<StatedSignature> =>
  readSignature(await readFile(join(import.meta.dirname, '..', 'cloud', 'models', kind, 'MLmodel'), 'utf8'));

async function described(signature: StatedSignature): Promise<Record<'2' | '3' | '3.1', Description>> {
  const [second, third, newest] = await Promise.all(
    describeService('sums', signature).map(({ content }) => validDescription(content)),
  );
  return { '2': second!, '3': third!, '3.1': newest! };
}

const column = (type: string, name: string, more: object = {}) => ({ type, name, required: true, ...more });
const RICH: StatedSignature = {
  inputs: [
    column('double', 'size'),
    column('long', 'count'),
    column('boolean', 'old', { required: false }),
    column('datetime', 'at'),
    column('array', 'points', { items: { type: 'float' } }),
    column('object', 'of', { properties: { age: { type: 'integer', required: true } } }),
    column('map', 'by', { values: { type: 'string' } }),
  ],
  outputs: [column('long', 'one'), column('string', 'two')],
  params: [
    { name: 'factor', type: 'double', default: 1.5, shape: null },
    { name: 'words', type: 'string', default: ['a'], shape: [-1] },
    { name: 'none', type: 'long', default: null, shape: null },
  ],
};

describe('the description of a service', () => {
  it('names each column with its type, whether it is required and may be null, in three versions of OpenAPI', async () => {
    const all = await described(RICH);
    const second = schemasOf(all['2'])['ServiceInput']?.properties?.['input_data']?.items;
    const third = schemasOf(all['3'])['Records']?.items;
    const newest = schemasOf(all['3.1'])['Records']?.items;
    for (const record of [second, third, newest]) {
      assert.deepEqual(Object.keys(record?.properties ?? {}), ['size', 'count', 'old', 'at', 'points', 'of', 'by']);
      assert.deepEqual(record?.['required'], ['size', 'count', 'at', 'points', 'of', 'by']);
      assert.deepEqual(record?.properties?.['count'], { type: 'integer', format: 'int64' });
    }
    assert.deepEqual(second?.properties?.['size'], { type: 'number', format: 'double', 'x-nullable': true });
    assert.deepEqual(third?.properties?.['size'], { type: 'number', format: 'double', nullable: true });
    assert.deepEqual(newest?.properties?.['size'], { type: ['number', 'null'], format: 'double' });
    assert.deepEqual(newest?.properties?.['old'], { type: ['boolean', 'null'] });
    assert.deepEqual(newest?.properties?.['of'], {
      type: 'object',
      properties: { age: { type: 'integer', format: 'int32' } },
      required: ['age'],
    });
  });

  it('takes in version 3.1 what the service takes, and nothing that it refuses by its shape', async () => {
    const newest = (await described(RICH))['3.1'];
    const row = { size: 1, count: 2, at: '2020-01-01T00:00:00', points: [1, 2], of: { age: 3 }, by: { a: 'b' } };
    const fits = (body: unknown) => misfits(newest, 'ServiceInput', body);
    const values = [1, 2, null, '2020-01-01T00:00:00', [1, 2], { age: 3 }, {}];
    for (const body of [
      [row],
      [values],
      { input_data: [row], params: { factor: 2, words: ['b'], none: null } },
      { input_data: { data: [values], index: [0] } },
      { dataframe_split: { columns: Object.keys(row), data: [Object.values(row)] } },
      { dataframe_records: [{ ...row, size: null, old: null, note: 'more' }] },
      { inputs: Object.fromEntries(Object.entries(row).map(([name, value]) => [name, [value]])) },
      { instances: [values] },
    ])
      assert.equal(fits(body), '', JSON.stringify(body));
    for (const body of [
      {},
      [],
      5,
      { rows: [row] },
      [{ ...row, count: 2.5 }],
      [{ ...row, count: null }],
      [[1, 2.5, ...values.slice(2)]],
      [{ ...row, size: 'one' }],
      [{ size: 1 }],
      [values.slice(1)],
      { input_data: [row], inputs: [row] },
      { input_data: [row], params: { depth: 1 } },
      { input_data: [row], params: { factor: 'two' } },
      { input_data: { columns: [1], data: [values] } },
    ])
      assert.notEqual(fits(body), '', JSON.stringify(body));
  });

  it('has an example that fits, with the parameters’ defaults, and the shape of what is answered', async () => {
    for (const signature of [RICH, ...(await Promise.all(['pyfunc', 'lightgbm', 'onnx'].map(signatureOf)))]) {
      const all = await described(signature);
      const { example } = schemasOf(all['3.1'])['ServiceInput']!;
      assert.equal(misfits(all['3.1'], 'ServiceInput', example), '');
      for (const version of ['2', '3'] as const)
        assert.deepEqual(schemasOf(all[version])['ServiceInput']?.example, example);
    }
    const newest = (await described(RICH))['3.1'];
    const { params } = schemasOf(newest)['ServiceInput']?.example as { params: unknown };
    assert.deepEqual(params, { factor: 1.5, words: ['a'] });
    assert.equal(misfits(newest, 'ServiceOutput', [{ one: 1, two: null }]), '');
    assert.equal(misfits(newest, 'ServiceOutput', { predictions: [{ one: 1, two: 'b' }] }), '');
    assert.notEqual(misfits(newest, 'ServiceOutput', [{ one: 'a', two: 'b' }]), '');
  });

  it('has tensors in their shape', async () => {
    const newest = (await described(await signatureOf('onnx')))['3.1'];
    const x = [
      [1, 2],
      [3, 4],
    ];
    for (const body of [{ inputs: { x } }, { instances: x }, { input_data: { x } }])
      assert.equal(misfits(newest, 'ServiceInput', body), '', JSON.stringify(body));
    for (const wrong of [{ x: [[1, 2, 3]] }, { x: [1, 2] }, { x: [['a', 'b']] }, { x: [] }, { z: x }, { x, z: x }])
      assert.notEqual(misfits(newest, 'ServiceInput', { inputs: wrong }), '', JSON.stringify(wrong));
    assert.equal(misfits(newest, 'ServiceOutput', { y: [[1], [null]] }), '');
  });

  it('says of a model without a signature what is known: the forms, and no example', async () => {
    for (const signature of [readSignature('flavors: {}\n'), { inputs: [{ type: 5 }], outputs: 'text', params: {} }]) {
      const all = await described(signature);
      assert.equal(schemasOf(all['2'])['ServiceInput']?.example, undefined);
      for (const body of [{ input_data: [{ any: 'thing' }] }, { inputs: [[1, 'a']] }, [[1, 2]]])
        assert.equal(misfits(all['3.1'], 'ServiceInput', body), '', JSON.stringify(body));
      assert.notEqual(misfits(all['3.1'], 'ServiceInput', { rows: [] }), '');
      assert.equal(misfits(all['3.1'], 'ServiceOutput', 'anything'), '');
    }
  });
});
