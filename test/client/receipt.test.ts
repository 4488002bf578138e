import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { canonicalArtifacts } from '../../domain/release.ts';
import { receiptStatement, type Envelope } from '../../domain/statement.ts';
import { canonicalJson, generateSigningKey, sha256, signStatement } from '../../services/signing.ts';
import { command, folder } from './command.ts';
import { FILES, predicate } from './receipt-sample.ts';
import { told } from './stub/told.ts';

const key = generateSigningKey();

const envelope = (statement: object = receiptStatement(predicate()), by = key) =>
  signStatement(statement, by.privateKey);

function place(t: TestContext, receipt: string | Envelope = envelope()) {
  const model = Object.fromEntries(Object.entries(FILES).map(([path, text]) => [`model/${path}`, text]));
  const text = typeof receipt === 'string' ? receipt : canonicalJson(receipt);
  const path = folder(t, { 'receipt.json': text, 'receipt.pub': key.publicKey, ...model });
  const verify = (...more: string[]) =>
    command(['receipt', 'verify', 'receipt.json', '--key', 'receipt.pub', '--json', ...more], { cwd: path });
  return { path, verify };
}

async function refusedFor(t: TestContext, receipt: string | Envelope, why: RegExp): Promise<void> {
  const ended = await place(t, receipt).verify();
  assert.equal(ended.exitCode, 1, ended.stdout);
  assert.match(told<{ failure: { cause: string } }>('output-error', ended).failure.cause, why);
}

test('a receipt and the files that it names verify; what it says is shown to people', async (t) => {
  const { path, verify } = place(t);
  const ended = await verify('--artifacts', 'model');
  assert.equal(ended.exitCode, 0, ended.stdout);
  const said = told<{ verified: boolean; compared: number; digest: string }>('output-receipt', ended);
  assert.deepEqual(
    [said.verified, said.compared, said.digest],
    [true, 2, sha256(canonicalJson(JSON.parse(readFileSync(join(path, 'receipt.json'), 'utf8'))))],
  );

  const shown = await command(['receipt', 'show', 'receipt.json'], { cwd: path });
  assert.equal(shown.exitCode, 0, shown.stderr);
  for (const text of [
    sha256('data'),
    'demo-ds3',
    'Dr. Sommer: reviewed',
    sha256(FILES.MLmodel),
    '2026-11-25T01:00:00.000Z',
    'unsure pickle',
    'at most 676 bits',
    'https://release.example/staging/staging/',
    '2 ways out were tried before the script started, and none was open',
    `${sha256('enter')}  /opt/edge-train/cage/enter.py`,
    'By the uplink’s own log, 10.20.0.4 from',
    '1234',
    'release.example:443',
  ])
    assert.ok(shown.stdout.includes(text), text);
  assert.match(shown.stdout, /Not verified/);
  const printed = await command(['receipt', 'show', 'receipt.json', '--json'], { cwd: path });
  assert.equal(told<{ verified: boolean }>('output-receipt', printed).verified, false);
});

test('one changed bit of the payload or the signature, wherever it is, does not verify', async (t) => {
  const whole = envelope();
  const [signature] = whole.signatures;
  assert.ok(signature);
  const flip = (base64: string, share: number) => {
    const bytes = Buffer.from(base64, 'base64');
    const at = Math.floor((bytes.length - 1) * share);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes.toString('base64');
  };
  for (const share of [0, 0.5, 1]) {
    await refusedFor(t, { ...whole, payload: flip(whole.payload, share) }, /does not hold/);
    const sig = flip(signature.sig, share);
    await refusedFor(t, { ...whole, signatures: [{ ...signature, sig }] }, /no signature on it/);
  }
  const { payload } = envelope(receiptStatement(predicate('f'.repeat(20))));
  await refusedFor(t, { ...whole, payload }, /no signature on it/); // whole in itself, under another run's signature
});

test('another key, another type, more than a receipt says, and trailing data do not verify', async (t) => {
  await refusedFor(t, envelope(undefined, generateSigningKey()), /no signature on it is by the expected key/);
  const statement = receiptStatement(predicate());
  await refusedFor(t, envelope({ ...statement, predicateType: 'https://slsa.dev/provenance/v1' }), /another type/);
  await refusedFor(t, envelope({ ...statement, subject: statement.subject.slice(1) }), /names other files/);
  await refusedFor(t, envelope({ ...statement, predicate: { ...predicate(), note: 'x' } }), /or says more/);
  const released = { ...predicate().released, bytes: 1 };
  await refusedFor(t, envelope(receiptStatement({ ...predicate(), released })), /digest or size/);
  await refusedFor(t, `${canonicalJson(envelope())}{}`, /not one JSON value/);
  const [signature] = envelope().signatures;
  assert.ok(signature);
  await refusedFor(
    t,
    { ...envelope(), signatures: [{ ...signature, sig: `${signature.sig}AAAA` }] },
    /plain|signature/,
  );
});

test('a receipt that was issued before there was a word of cage, destination and uplink verifies as it is', async (t) => {
  const { cage: _, uplink: __, ...rest } = predicate();
  const { destination: ___, ...released } = rest.released;
  const { verify, path } = place(t, envelope(receiptStatement({ ...rest, released })));
  assert.equal((await verify('--artifacts', 'model')).exitCode, 0);
  const shown = await command(['receipt', 'show', 'receipt.json'], { cwd: path });
  assert.doesNotMatch(shown.stdout, /uplink|ways out/);
});

test('what a receipt says of cage, destination and uplink is signed, and of a strict form', async (t) => {
  const { cage, uplink, released, ...rest } = predicate();
  assert.ok(cage && uplink?.state === 'read');
  const [sent] = uplink.destinations;
  const signed = envelope();
  const changes = [
    { ...predicate(), cage: { ...cage, files: { ...cage.files, '/opt/edge-train/cage/enter.py': sha256('other') } } },
    { ...predicate(), cage: { ...cage, tried: cage.tried.slice(1) } },
    { ...predicate(), uplink: { ...uplink, destinations: [{ ...sent!, sent: 1 }] } },
    { ...predicate(), uplink: { state: 'not configured' as const } },
    { ...predicate(), released: { ...released, destination: 'https://elsewhere.example/' } },
    { ...rest, released },
  ];
  for (const changed of changes) {
    const { payload } = envelope(receiptStatement(changed));
    await refusedFor(t, { ...signed, payload }, /no signature on it/);
  }
  const more = [
    { ...predicate(), cage: { ...cage, note: 'x' } },
    { ...predicate(), cage: { ...cage, files: { a: 'no digest' } } },
    { ...predicate(), uplink: { ...uplink, state: 'trusted' } },
    { ...predicate(), uplink: { ...uplink, destinations: [{ ...sent!, sent: -1 }] } },
  ];
  for (const wrong of more)
    await refusedFor(t, envelope({ ...receiptStatement(predicate()), predicate: wrong }), /or says more/);
});

test('a folder with a changed, missing, further or linked file is not what left', async (t) => {
  const cases: [(model: string) => void, RegExp][] = [
    [(model) => writeFileSync(join(model, 'MLmodel'), 'flavors: {|\n'), /MLmodel has another content/],
    [(model) => writeFileSync(join(model, 'MLmodel'), ''), /MLmodel has 0 bytes instead of 12/],
    [(model) => rmSync(join(model, 'data/weights.bin')), /data\/weights\.bin is missing/],
    [(model) => writeFileSync(join(model, 'data/more'), ''), /data\/more is not in it/],
    [
      (model) => {
        rmSync(join(model, 'MLmodel'));
        writeFileSync(join(model, '../MLmodel'), FILES.MLmodel);
        symlinkSync('../MLmodel', join(model, 'MLmodel'));
      },
      /MLmodel is no file that can be read/,
    ],
  ];
  for (const [change, why] of cases) {
    const { path, verify } = place(t);
    change(join(path, 'model'));
    const ended = await verify('--artifacts', 'model');
    assert.equal(ended.exitCode, 1, ended.stdout);
    assert.match(told<{ failure: { cause: string } }>('output-error', ended).failure.cause, why);
  }
});

test('the receipt of another run does not cover these files', async (t) => {
  const other = predicate('f'.repeat(20));
  const artifacts = other.released.artifacts.map((artifact) => ({ ...artifact, sha256: sha256('other') }));
  const released = { ...other.released, artifacts, digest: sha256(canonicalArtifacts(artifacts)) };
  const { verify } = place(t, envelope(receiptStatement({ ...other, released })));
  assert.equal((await verify()).exitCode, 0, 'it is a receipt by itself');
  assert.equal((await verify('--artifacts', 'model')).exitCode, 1);
});

test('what cannot be read is refused: no file, no key, a private key, no folder; show refuses what is no receipt', async (t) => {
  const { path, verify } = place(t);
  mkdirSync(join(path, 'folder'));
  writeFileSync(join(path, 'private'), key.privateKey);
  const asked = [
    verify('--artifacts', 'absent'),
    verify('--key', 'private'),
    verify('--key', 'model/MLmodel'),
    command(['receipt', 'verify', 'receipt.json'], { cwd: path }),
    command(['receipt', 'show', 'folder', '--json'], { cwd: path }),
    command(['receipt', 'show', 'model/MLmodel', '--json'], { cwd: path }),
  ];
  for (const ended of await Promise.all(asked)) assert.equal(ended.exitCode, 2, ended.stdout);
});
