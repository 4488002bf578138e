import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import {
  ApplicationFailure,
  defaultPayloadConverter,
  type FailureConverter,
  type ProtoFailure,
} from '@temporalio/common';
import { createPayloadCodec } from '../../services/payload-codec.ts';
import { bundleEdgeCode } from '../../workers/vm/edge-code.ts';

const SOURCE = path.join(import.meta.dirname, '../../workflows/failure-converter.ts');
const require = createRequire(import.meta.url);

/** As the SDK loads it, by its path: the workers' own, and the VM's one file. */
async function converters(t: { after(done: () => void): void }): Promise<FailureConverter[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'edge-train-converter-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const bundled = path.join(folder, 'failure-converter.cjs');
  writeFileSync(bundled, await bundleEdgeCode('workflows/failure-converter.ts'));
  return [SOURCE, bundled].map((file) => (require(file) as { failureConverter: FailureConverter }).failureConverter);
}

test('message, stack and those of causes are payloads; the type stays readable; and all of it comes back', async (t) => {
  for (const converter of await converters(t)) {
    const error = ApplicationFailure.create({
      ...{ message: 'CANARY one', type: 'ScriptFailed', nonRetryable: true, details: ['CANARY two'] },
      cause: new Error('CANARY three'),
    });
    const failure = converter.errorToFailure(error, defaultPayloadConverter);
    const readable = JSON.stringify(failure, (_, value: unknown) => (value instanceof Uint8Array ? '' : value));
    assert.doesNotMatch(readable, /CANARY|failure-converter\.test/);
    assert.match(readable, /ScriptFailed/);
    const back = converter.failureToError(failure, defaultPayloadConverter);
    assert.ok(back instanceof ApplicationFailure);
    assert.deepEqual([back.message, back.type, back.details], ['CANARY one', 'ScriptFailed', ['CANARY two']]);
    assert.equal(back.cause?.message, 'CANARY three');
  }
});

test('what the codec complains of stays readable, and nothing else that reads like it does', async (t) => {
  const key = Buffer.alloc(32).toString('base64');
  const [payload] = await createPayloadCodec({ keys: { a: key }, current: 'a', required: true }, 'n').encode([{}]);
  const other = createPayloadCodec({ keys: { b: key }, current: 'b', required: true }, 'n');
  const complaint = await other.decode([payload!]).catch((error: unknown) => error as Error);
  assert.ok(complaint instanceof Error);
  const wrapped = ApplicationFailure.fromError(complaint, {
    message: `Failed to parse activity args for activity hello: ${complaint.message}`,
  });
  const posing = ApplicationFailure.create({ type: 'ScriptFailed', message: complaint.message });
  for (const converter of await converters(t)) {
    const convert = (error: Error): ProtoFailure => converter.errorToFailure(error, defaultPayloadConverter);
    const messages: ProtoFailure[] = [complaint, wrapped, posing].map(convert);
    assert.match(messages[0]?.message ?? '', /^A payload from Temporal cannot be decrypted\. It needs the key "a"/);
    assert.match(messages[1]?.message ?? '', /hello: A payload from Temporal cannot be decrypted/);
    assert.equal(messages[1]?.stackTrace, '');
    assert.equal(messages[2]?.message, 'Encoded failure');
  }
});
