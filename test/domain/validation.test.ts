import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { SiteFile } from '../../domain/site-file.ts';
import { TrainModelInput } from '../../domain/train-model-input.ts';
import { TrainingFile } from '../../domain/training-file.ts';
import { describeIssues, parse, shown } from '../../domain/validation.ts';
import { validInput } from './valid-input.ts';

function faults(schema: z.ZodType, value: unknown): string {
  const parsed = parse(schema, value);
  assert.equal(parsed.ok, false, 'the input should have been refused');
  return parsed.ok ? '' : describeIssues(parsed.issues);
}

test('an unknown key is refused with the nearest known one', () => {
  assert.match(faults(TrainModelInput, { ...validInput(), sitee: 'x' }), /^sitee: unknown key; did you mean site\?$/m);
  const input = validInput();
  assert.match(
    faults(TrainModelInput, { ...input, job: { ...input.job, comand: 'x' } }),
    /^job\.comand: unknown key; did you mean command\?$/m,
  );
});

test('every fault of an input is listed, with its path', () => {
  const input = validInput();
  const text = faults(TrainModelInput, { ...input, site: 'NO SITE', model: { name: 'Über' } });
  assert.match(text, /^site: a site name is .* \(was "NO SITE"\)$/m);
  assert.match(text, /^model\.name: a model name is .* \(was "Über"\)$/m);
});

test('a missing field is named as required', () => {
  const { site: _, ...rest } = validInput();
  assert.match(faults(TrainModelInput, rest), /^site: is required/m);
  assert.match(faults(TrainModelInput, null), /^\(whole input\): /m);
  assert.match(faults(TrainModelInput, []), /^\(whole input\): /m);
});

test('a fault inside a union is told where it stands, not as “invalid input” of the whole', () => {
  const input = validInput();
  const wrong = { ...input, job: { ...input.job, inputs: { data: { type: 'uri_fil', path: 'azureml:x' } } } };
  assert.match(faults(TrainModelInput, wrong), /^job\.inputs\.data\.type: /m);
});

test('what makes no sense on a site is refused with its reason', () => {
  const input = validInput();
  const job = { ...input.job, distribution: { type: 'ray' }, resources: { instance_count: 4 } };
  const text = faults(TrainModelInput, { ...input, job });
  assert.match(text, /^job\.distribution\.type: is refused: a Ray cluster/m);
  assert.match(text, /^job\.resources\.instance_count: is refused: one VM trains one job here/m);
});

test('an existing host has its own size and name, and is not switched off', () => {
  const on = (virtualMachine: object) => ({ ...validInput(), virtualMachine: { host: 'lab', ...virtualMachine } });
  assert.equal(parse(TrainModelInput, on({ after: 'keep' })).ok, true);
  const text = faults(TrainModelInput, on({ size: 'Standard_DS1_v2', name: 'demo', after: 'delete' }));
  assert.match(text, /^virtualMachine\.size: is for a VM/m);
  assert.match(text, /^virtualMachine\.name: is for a VM/m);
  assert.match(text, /^virtualMachine\.after: must be keep: the host lab is not edge-train’s to switch off or delete/m);
  assert.match(faults(TrainModelInput, on({ after: 'deallocate' })), /^virtualMachine\.after/m);
});

test('a command may name only declared inputs and outputs', () => {
  const input = validInput();
  const job = { ...input.job, command: 'python t.py ${{inputs.nope}} ${{ outputs.gone }} ${{secrets.x}}' };
  const text = faults(TrainModelInput, { ...input, job });
  assert.match(text, /names inputs\.nope, which is not declared/);
  assert.match(text, /names outputs\.gone, which is not declared/);
  assert.match(text, /\$\{\{secrets\.x\}\} is neither an input nor an output/);
});

test('an input that says nothing of where the data is on site is refused, unless --input says it', () => {
  const input = validInput();
  const job = { ...input.job, inputs: { data: { type: 'uri_file', path: 'https://example.invalid/x.csv' } } };
  assert.match(faults(TrainModelInput, { ...input, job }), /--input data=STORE\/PATH/);
  assert.ok(parse(TrainModelInput, { ...input, job, data: { data: { store: 'hospital', path: 'x.csv' } } }).ok);
});

test('a plain-text secret in a file of ours is refused and not repeated in full', () => {
  const text = faults(SiteFile.pick({ receiptKey: true }), { receiptKey: `hunter2${'x'.repeat(200)}` });
  assert.match(text, /a secret is given by reference/);
  assert.ok(!text.includes('x'.repeat(100)));
});

test('prototype keys do not pass', () => {
  const hostile = JSON.parse('{"site":"demo","job":"job.yml","model":{"name":"m"},"__proto__":{"polluted":true}}');
  assert.equal(parse(TrainingFile, hostile).ok, false);
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
});

test('shown values are cut at 80 and cannot repaint a terminal', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      const out = shown(text);
      assert.ok(out.length <= 80);
      assert.doesNotMatch(out, /[\p{Cc}\u202a-\u202e\u2066-\u2069\u200b-\u200f]/u);
    }),
  );
});

test('parse never throws', () => {
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true, withBigInt: false }), (value) => {
      const parsed = parse(TrainModelInput, value);
      assert.ok(parsed.ok || parsed.issues.length > 0);
    }),
  );
});
