import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startCommand } from '../client/command.ts';
import { until } from '../support/until.ts';
import { openBrowser } from './browser.ts';
import { histories } from './canary/histories.ts';
import { startProduct, type Product } from './product.ts';
import { slowJob, withPackage } from './slow-job.ts';

let product: Product;
let run: { workflowId: string; runId: string };
before(async () => (product = await startProduct({ codec: true })));
after(() => product?.close());

/** What a run hands to Temporal, and says in it. None of it is a name that stays readable. */
const PACKAGE = 'packaging==25.0';
const WORDS = ['python slow.py', PACKAGE, 'datastores/hospital', 'wdbc.csv', 'edge-train-runs', 'rootDigest'];

test('a run with encryption required trains to its end, and the server knows nothing of it but names', async () => {
  const environment = withPackage(PACKAGE);
  using job = slowJob({ model: 'sealed', machine: 'sealed', seconds: 1, environment });
  const ended = await product.edgeTrain('run', job.file, '--json');
  assert.equal(ended.code, 0, `${ended.stdout}${ended.stderr}`);
  run = JSON.parse(ended.stdout) as typeof run;

  let [exhibits, encrypted] = [0, 0];
  for await (const { name, bytes } of histories(product)) {
    exhibits++;
    if (bytes.includes('binary/encrypted')) encrypted++;
    for (const word of WORDS) {
      assert.ok(!bytes.includes(word), `${name} has ${word}`);
      if (word.length < 13) continue; // too short to be told from chance
      for (const offset of [0, 1, 2])
        assert.ok(!bytes.includes(inBase64(word, offset)), `${name} has ${word} in base64`);
    }
    if (name.includes(run.workflowId)) assert.ok(!bytes.includes('{"site":"'), name);
  }
  assert.ok(exhibits > 8 && encrypted >= 3, `${exhibits}, ${encrypted}`);
});

/** The middle of the word's base64, wherever in the text it stands. */
function inBase64(word: string, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset, ' '), Buffer.from(word)]).toString('base64');
  return text.slice(4, -4);
}

test('whoever has the key sees all of it: status, list, receipt, doctor', async () => {
  const status = await product.edgeTrain('status', run.workflowId);
  assert.match(status.stdout, /: succeeded[\s\S]*sealed version 1/);
  assert.match((await product.edgeTrain('list')).stdout, /sealed/);
  assert.match((await product.edgeTrain('receipt', 'show', run.workflowId)).stdout, /sealed/);
  const doctor = await product.edgeTrain('doctor');
  assert.equal(doctor.code, 0, doctor.stdout);
  assert.equal(doctor.stdout.match(/encryption +on, AES-256-GCM with the key demo; plaintext is refused/g)?.length, 3);
});

test('whoever lacks it is told so, and starts nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'edge-train-keyless-'));
  try {
    const yml = readFileSync(join(product.folder, 'client.yml'), 'utf8').replace(
      /\n# What is in Temporal[\s\S]*/,
      '\n',
    );
    writeFileSync(join(folder, 'client.yml'), yml);
    writeFileSync(join(folder, 'temporal.toml'), readFileSync(join(product.folder, 'temporal.toml')));
    const doctor = await product.edgeTrain('doctor', '--config', folder);
    assert.notEqual(doctor.code, 0);
    assert.match(doctor.stdout, /encryption +off: what is in Temporal is as readable as its database/);
    assert.match(doctor.stdout, /client\.yml needs `codec`/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the Temporal UI shows it to who has signed in at the codec server', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'edge-train-serve-'));
  const yml = readFileSync(join(product.folder, 'client.yml'), 'utf8');
  writeFileSync(join(folder, 'client.yml'), yml.replace('codecServer:\n', 'codecServer:\n  listen: 127.0.0.1:0\n'));
  writeFileSync(join(folder, 'temporal.toml'), readFileSync(join(product.folder, 'temporal.toml')));
  const serving = startCommand(['codec', 'serve', '--config', folder]);
  let said = '';
  for (const out of [serving.child.stdout, serving.child.stderr]) out?.on('data', (text: string) => (said += text));
  const address = await until('it says where it is', () => /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0]);
  const { page, close } = await openBrowser();
  try {
    const ui = product.info.temporal.ui;
    const history = `${ui}/namespaces/default/workflows/${run.workflowId}/${run.runId}/history`;
    await page.goto(ui);
    await page.evaluate((endpoint) => {
      localStorage.setItem('endpoint', JSON.stringify(endpoint));
      localStorage.setItem('includeCredentials', 'true');
      localStorage.setItem('overrideRemoteCodecConfiguration', 'true');
    }, address);
    /** Loads the history until what is to be seen on it, or asked by it, is: on a busy machine a page may never come to it. */
    const shows = (what: string, seen: () => Promise<unknown>) =>
      until(
        what,
        () => {
          const there = seen().then(
            () => true,
            () => false,
          );
          return page.goto(history).then(() => there);
        },
        180,
      );
    const timeout = 40_000;
    await shows('the UI is refused', () =>
      page.waitForResponse((each) => each.url().startsWith(`${address}/decode`) && each.status() === 401, { timeout }),
    );
    assert.doesNotMatch(await page.locator('body').innerText(), /python slow\.py/);

    await page.goto(address);
    await page.getByLabel('Token').fill(readFileSync(join(product.folder, 'keys', 'codec-token'), 'utf8'));
    await page.getByRole('button').click();
    await page.getByText('Signed in').waitFor();
    await shows('what the codec server decoded', () => page.getByText('python slow.py').first().waitFor({ timeout }));
  } catch (error) {
    throw new Error(`the codec server said:\n${said}`, { cause: error });
  } finally {
    await close();
    serving.child.kill('SIGTERM');
    await serving.ended;
    rmSync(folder, { recursive: true });
  }
});
