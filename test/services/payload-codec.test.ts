import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { defaultPayloadConverter } from '@temporalio/common';
import proto from '@temporalio/proto';
import fc from 'fast-check';
import { PayloadCodecSettings, refusalOf, type PayloadKeys } from '../../domain/payload-codec.ts';
import { parse } from '../../domain/validation.ts';
import { createPayloadCodec, readPayloadKeys, type Payload } from '../../services/payload-codec.ts';
import { createSecrets } from '../../services/secrets.ts';

const newKey = () => randomBytes(32).toString('base64');
const keys: PayloadKeys = { keys: { one: newKey() }, current: 'one', required: false };
const codec = createPayloadCodec(keys, 'hospital');
const CANARY = 'Erika Mustermann';
const payloadOf = (value: unknown) => defaultPayloadConverter.toPayload(value);
const valueOf = (payload: Payload | undefined): unknown => defaultPayloadConverter.fromPayload(payload as never);
const encoded = async (value: unknown): Promise<Payload> => (await codec.encode([payloadOf(value)]))[0]!;
const changed = (payload: Payload, change: (data: Buffer) => Buffer): Payload => ({
  ...payload,
  data: change(Buffer.from(payload.data!)),
});

describe('the payload codec', () => {
  it('gives back what it was given, and shows nothing of it', async () => {
    for (const value of [CANARY, { name: CANARY, rows: [1, 2] }, undefined, null, '', new Uint8Array([0, 255, 7])]) {
      const payload = await encoded(value);
      assert.doesNotMatch(Buffer.from(payload.data!).toString('latin1'), /Erika|json|plain/);
      assert.deepEqual(valueOf((await codec.decode([payload]))[0]), value);
    }
    assert.deepEqual(await codec.encode([]), []);
    assert.deepEqual(await codec.decode([]), []);
  });

  it('keeps any metadata and any bytes, and names cipher and key as Temporal’s samples do', async () => {
    const bytes = fc.uint8Array({ maxLength: 2000 });
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), bytes, { noNullPrototype: true }), bytes, async (metadata, data) => {
        fc.pre(Buffer.from(metadata['encoding'] ?? []).toString() !== 'binary/encrypted');
        const [sealed] = await codec.encode([{ metadata, data }]);
        const [opened] = await codec.decode([sealed!]);
        assert.deepEqual(Buffer.from(opened!.data!), Buffer.from(data));
        assert.deepEqual(
          Object.entries(opened!.metadata!).map(([name, value]) => [name, Buffer.from(value).toString('hex')]),
          Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value).toString('hex')]),
        );
      }),
    );
    const { metadata } = await encoded(1);
    assert.deepEqual(Object.fromEntries(Object.entries(metadata!).map(([name, text]) => [name, String(text)])), {
      encoding: 'binary/encrypted',
      'encryption-cipher': 'AES-256-GCM',
      'encryption-key-id': 'one',
    });
  });

  it('encrypts the wire form of Temporal’s own Payload, so that its other tools can read it', async () => {
    const payload = payloadOf({ a: 1 });
    const { decrypt } = await import('../../services/payload-encryption.ts');
    const sealed = await encoded({ a: 1 });
    const ring = new Map([['one', Buffer.from(keys.keys['one']!, 'base64')]]);
    const opened = proto.temporal.api.common.v1.Payload.decode(decrypt(sealed.data!, ring, 'one', 'hospital'));
    assert.deepEqual(valueOf(opened), { a: 1 });
    assert.deepEqual(Buffer.from(opened.data), Buffer.from(payload.data!));
  });

  it('uses a fresh nonce each time', async () => {
    const nonces = await Promise.all(Array.from({ length: 1000 }, () => encoded(1)));
    assert.equal(new Set(nonces.map(({ data }) => Buffer.from(data!).toString('hex', 0, 12))).size, 1000);
  });

  it('leaves alone what is encrypted already', async () => {
    const payload = await encoded(CANARY);
    assert.deepEqual(await codec.encode([payload]), [payload]);
  });

  it('refuses what another key, another namespace or another id has encrypted, and says which is missing', async () => {
    const payload = await encoded(CANARY);
    const other = createPayloadCodec({ ...keys, keys: { one: newKey() } }, 'hospital');
    await assert.rejects(other.decode([payload]), /cannot be decrypted.*another key of the id "one"/);
    await assert.rejects(createPayloadCodec(keys, 'bank').decode([payload]), /another namespace than "bank"/);
    const renamed = { ...payload, metadata: { ...payload.metadata, 'encryption-key-id': Buffer.from('two') } };
    const both = createPayloadCodec({ ...keys, keys: { ...keys.keys, two: keys.keys['one']! } }, 'hospital');
    await assert.rejects(both.decode([renamed]), /cannot be decrypted/, 'the id is authenticated');
    await assert.rejects(codec.decode([renamed]), {
      type: 'PayloadUnreadable',
      message: 'A payload from Temporal cannot be decrypted. It needs the key "two"; known here: one.',
    });
  });

  it('refuses every truncation and every flipped bit', async () => {
    const payload = await encoded('x');
    const length = payload.data!.length;
    for (let end = 0; end < length; end++)
      await assert.rejects(codec.decode([changed(payload, (data) => data.subarray(0, end))]), /cannot be decrypted/);
    for (let bit = 0; bit < length * 8; bit++) {
      const flipped = changed(payload, (data) => (data.writeUInt8(data[bit >> 3]! ^ (1 << (bit & 7)), bit >> 3), data));
      await assert.rejects(codec.decode([flipped]), /cannot be decrypted/, `bit ${bit}`);
    }
  });

  it('reads plaintext from before, unless encryption is required', async () => {
    const plain = payloadOf({ secret: CANARY });
    assert.deepEqual(valueOf((await codec.decode([plain]))[0]), { secret: CANARY });
    const strict = createPayloadCodec({ ...keys, required: true }, 'hospital');
    const read = valueOf((await strict.decode([plain]))[0]);
    assert.match(refusalOf(read)!, /not encrypted/);
    assert.doesNotMatch(JSON.stringify(read), /Erika/);
    assert.equal(valueOf((await strict.decode([await encoded(CANARY)]))[0]), CANARY);
  });

  it('for a command that lists, says in its place what could not be read', async () => {
    const lenient = createPayloadCodec({ ...keys, keys: { one: newKey() } }, 'hospital', { lenient: true });
    const [refused] = await lenient.decode([await encoded(CANARY)]);
    assert.match(refusalOf(valueOf(refused))!, /cannot be decrypted/);
  });

  it('rotates: the old key reads on, the new one writes', async () => {
    const old = await encoded(CANARY);
    const added = { ...keys, keys: { ...keys.keys, two: newKey() } };
    const rotated = createPayloadCodec({ ...added, current: 'two' }, 'hospital');
    assert.equal(valueOf((await rotated.decode([old]))[0]), CANARY);
    const fresh = await rotated.encode([payloadOf(CANARY)]);
    const notYet = createPayloadCodec(added, 'hospital');
    assert.equal(valueOf((await notYet.decode(fresh))[0]), CANARY, 'who has the new key as not current reads it');
    await assert.rejects(codec.decode(fresh), /It needs the key "two"; known here: one/);
  });
});

describe('codec of a configuration file', () => {
  const settings = { keys: { one: 'env:KEY' }, current: 'one' };
  const read = (key: string | undefined) =>
    readPayloadKeys(PayloadCodecSettings.parse(settings), createSecrets({ environment: { KEY: key } }));

  it('needs a key, by reference, and a current one', () => {
    const faults = (value: unknown) => {
      const parsed = parse(PayloadCodecSettings, value);
      return parsed.ok ? [] : parsed.issues.map(({ path, rule }) => `${path}: ${rule}`);
    };
    assert.deepEqual(faults(settings), []);
    assert.match(faults({ required: true }).join(), /keys: is required.*current: is required/);
    assert.deepEqual(faults({ keys: {}, current: 'one', required: true }), ['current: is none of `keys`']);
    assert.match(faults({ ...settings, keys: { one: newKey() } }).join(), /keys\.one: a secret is given by reference/);
    assert.match(faults({ ...settings, current: 'two' }).join(), /current: is none of `keys`/);
    assert.match(faults({ keys: { 'a b': 'env:KEY' }, current: 'a b' }).join(), /id/);
  });

  it('takes 32 bytes as base64 and nothing else, and repeats none of it', async () => {
    const key = newKey();
    assert.deepEqual(await read(`${key}\n`), { keys: { one: key }, current: 'one', required: false });
    for (const wrong of ['secret-text', key.slice(2), `${key}AAAA`, randomBytes(32).toString('hex')])
      await assert.rejects(read(wrong), (error: Error & { type?: string }) => {
        assert.equal(error.type, 'PayloadKeyRefused');
        assert.match(error.message, /codec\.keys\.one/);
        assert.ok(!error.message.includes(wrong));
        return true;
      });
    await assert.rejects(read(undefined), { type: 'SecretUnavailable' });
  });

  it('names a key’s file that others can read', async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'edge-train-codec-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = path.join(folder, 'key');
    writeFileSync(file, newKey(), { mode: 0o644 });
    const open = PayloadCodecSettings.parse({ keys: { one: `file:${file}` }, current: 'one' });
    await assert.rejects(
      readPayloadKeys(open, createSecrets({ environment: {} })),
      /can be read or changed by everyone/,
    );
  });
});
