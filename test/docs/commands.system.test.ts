import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { DECISION_TYPE, PAYLOAD_TYPE, STATEMENT_TYPE } from '../../domain/statement.ts';
import { canonicalJson, publicKeyOf, sha256, signStatement } from '../../services/signing.ts';
import { blocks, invocations, ROOT } from './blocks.ts';

const run = promisify(execFile);
const TEMPORAL = path.join(ROOT, '.tools/temporal');

/** The page's own block, as it stands there. */
function block(page: string, words: string): string {
  const found = blocks().filter((each) => each.page === page && each.language === 'sh' && each.text.includes(words));
  assert.equal(found.length, 1, `${page} has one block with ${words}`);
  return found[0]?.text ?? '';
}

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'edge-train-docs-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

const shell = (script: string, cwd: string) => run('sh', ['-euc', script], { cwd });

test('the keys that operations.md makes are keys that edge-train takes', async (t) => {
  const folder = await scratch(t);
  await shell(block('docs/operations.md', '-out receipt-key'), folder);
  const key = await readFile(path.join(folder, 'receipt-key'), 'utf8');
  assert.equal(publicKeyOf(key), await readFile(path.join(folder, 'receipt.pub'), 'utf8'));
  assert.equal((await stat(path.join(folder, 'receipt-key'))).mode & 0o077, 0);
  await shell(block('docs/operations.md', 'ssh-keygen'), folder);
  assert.match(await readFile(path.join(folder, 'attach-key.pub'), 'utf8'), /^ssh-ed25519 [A-Za-z0-9+/=]+ azureml\n$/);
});

test('the credential that operations.md issues is taken by the key set that it makes', async (t) => {
  const folder = await scratch(t);
  const script = block('docs/operations.md', '-out temporal-signing-key');
  const { stdout } = await shell(script.replaceAll('bin/edge-train', path.join(ROOT, 'bin/edge-train')), folder);
  const keys = JSON.parse(await readFile(path.join(folder, 'keys.json'), 'utf8')) as JSONWebKeySet;
  const { payload } = await jwtVerify(stdout.trim(), createLocalJWKSet(keys));
  assert.deepEqual([payload.sub, payload['permissions']], ['cloud', ['hospital:write']]);
});

test('security.md verifies a receipt with openssl alone, and refuses a changed one', async (t) => {
  const folder = await scratch(t);
  await shell(block('docs/operations.md', '-out receipt-key'), folder);
  const key = await readFile(path.join(folder, 'receipt-key'), 'utf8');
  const files = { MLmodel: 'flavors: {}\n', 'data/weights.onnx': 'weights\n' };
  await mkdir(path.join(folder, 'model/data'), { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(path.join(folder, 'model', name), content);
  const subject = Object.entries(files).map(([name, content]) => ({ name, digest: { sha256: sha256(content) } }));
  const artifacts = subject.map(({ name, digest }) => ({ path: name, bytes: 1, sha256: digest.sha256 }));
  const statement = {
    ...{ _type: STATEMENT_TYPE, subject, predicateType: DECISION_TYPE },
    predicate: { released: { artifacts }, site: 'ä "site"' },
  };
  const receipt = canonicalJson(signStatement(statement, key));
  assert.ok(receipt.includes(PAYLOAD_TYPE));
  await writeFile(path.join(folder, 'receipt.json'), receipt);

  const verify = block('docs/security.md', 'openssl dgst');
  assert.equal((await shell(verify, folder)).stdout.trim(), 'Verified OK');
  const compare = block('docs/security.md', 'sha256sum');
  const { stdout } = await shell(compare, folder);
  assert.match(stdout, /^MLmodel: OK\ndata\/weights\.onnx: OK$/m);

  await writeFile(path.join(folder, 'model/MLmodel'), 'other\n');
  await assert.rejects(shell(compare, folder), /1 computed checksum did NOT match/);
  const forged = Buffer.from(canonicalJson({ ...statement, subject: [] })).toString('base64');
  await writeFile(path.join(folder, 'receipt.json'), receipt.replace(/"payload":"[^"]*"/, `"payload":"${forged}"`));
  await assert.rejects(shell(verify, folder), (error: { code?: number; stdout?: string }) => {
    assert.equal(error.code, 1);
    assert.match(error.stdout ?? '', /^Verification failure$/im);
    return true;
  });
});

test('temporal’s commands and flags in the pages are those of the command itself', async () => {
  const used = invocations().filter(({ words: [program] }) => program === 'temporal');
  assert.ok(used.length >= 2);
  const { stdout: global } = await run(TEMPORAL, ['options'], { timeout: 30_000 });
  for (const { page, words } of used) {
    const names = words.slice(
      1,
      words.findIndex((word) => word.startsWith('-')),
    );
    const { stdout } = await run(TEMPORAL, [...names, '--help'], { timeout: 30_000 });
    assert.match(
      stdout,
      new RegExp(`^ {2}temporal ${names.join(' ')} \\[flags\\]$`, 'm'),
      `${page}: ${words.join(' ')}`,
    );
    for (const flag of words.filter((word) => word.startsWith('--')))
      assert.match(
        stdout + global,
        new RegExp(`^ +(-\\w, )?${flag}[ ,]`, 'm'),
        `${page}: ${words.join(' ')}: no flag ${flag}`,
      );
  }
});
