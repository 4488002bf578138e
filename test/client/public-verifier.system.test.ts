import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { receiptStatement } from '../../domain/statement.ts';
import { canonicalJson, generateSigningKey, signStatement } from '../../services/signing.ts';
import { Python } from '../support/python.ts';
import { FILES, predicate } from './receipt-sample.ts';

/** A receipt is for people who do not trust edge-train: in-toto's own libraries read and verify it. */
const REQUIREMENTS = ['securesystemslib==1.6.0', 'in-toto-attestation==0.9.3', 'cryptography==46.0.3'];
const VERIFIER = `
import json, sys
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.protobuf.json_format import Parse
from in_toto_attestation.v1.statement import Statement
import in_toto_attestation.v1.statement_pb2 as pb
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

receipt, key = sys.argv[1:]
body = json.load(open(receipt))
public = load_pem_public_key(open(key, "rb").read())
keyid = body["signatures"][0]["keyid"]
envelope = Envelope.from_dict(body)
try:
    envelope.verify([SSlibKey.from_crypto(public, keyid=keyid)], 1)
except VerificationError:
    print(json.dumps("refused"))
    sys.exit()
statement = Statement.copy_from_pb(Parse(envelope.payload, pb.Statement()))
statement.validate()
print(json.dumps({subject.name: subject.digest["sha256"] for subject in statement.pb.subject}))
`;

const python = new Python();
const key = generateSigningKey();
const receipt = signStatement(receiptStatement(predicate()), key.privateKey);

before(() => python.install(...REQUIREMENTS));
after(() => python.remove());

async function verify(envelope: object, publicKey = key.publicKey): Promise<unknown> {
  const [file, pem] = [join(python.folder, 'receipt.json'), join(python.folder, 'receipt.pub')];
  writeFileSync(file, canonicalJson(envelope));
  writeFileSync(pem, publicKey);
  return python.ask(VERIFIER, file, pem);
}

test('in-toto’s own libraries verify a receipt, and find the files that it names', async () => {
  const { artifacts } = predicate().released;
  assert.deepEqual(Object.keys(FILES).sort(), artifacts.map(({ path }) => path).sort());
  assert.deepEqual(await verify(receipt), Object.fromEntries(artifacts.map(({ path, sha256 }) => [path, sha256])));
});

test('they refuse another key, and a receipt that says something else', async () => {
  assert.equal(await verify(receipt, generateSigningKey().publicKey), 'refused');
  const said = receiptStatement(predicate('f'.repeat(20)));
  const payload = Buffer.from(canonicalJson(said)).toString('base64');
  assert.equal(await verify({ ...receipt, payload }), 'refused');
});
