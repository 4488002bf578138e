import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { RunStatus } from '../../domain/run-status.ts';
import { auditor } from './auditor.ts';
import { openBrowser } from './browser.ts';
import { until } from '../support/until.ts';
import { EXAMPLE, startProduct, type Product } from './product.ts';

/** Where pictures are kept: `EDGE_TRAIN_PICTURES=docs/pictures` renews those of the README. */
const pictures = process.env['EDGE_TRAIN_PICTURES'] ?? mkdtempSync(join(tmpdir(), 'edge-train-pictures-'));
let product: Product;
let browser: Awaited<ReturnType<typeof openBrowser>>;

before(async () => {
  mkdirSync(pictures, { recursive: true });
  product = await startProduct();
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await product?.close();
});

test('a run that is started from the Temporal UI’s form completes, and its page says what happens', async () => {
  const printed = await product.edgeTrain('run', join(EXAMPLE, 'training.yml'), '--print-input');
  assert.equal(printed.code, 0, printed.stderr);
  await startFromForm('train-breast-cancer', printed.stdout);

  await openRun('train-breast-cancer', 'user-metadata');
  const { page } = browser;
  await pageSays('Nothing to do.');
  await until('it trains', async () => (await statusOf('train-breast-cancer')).steps.some(hasTrained), 600, 3000);
  await pageSays(/Python 3.11, \d+ packages/);
  await picture('temporal-ui-details.png');

  await until('it has ended', async () => (await statusOf('train-breast-cancer')).state !== 'running', 600, 3000);
  assert.equal((await statusOf('train-breast-cancer')).state, 'succeeded');
  const audit = auditor(product);
  assert.equal((await audit.modelVersions('breast-cancer')).length, 1);
  assert.deepEqual(await audit.versionTags('edge-train/breast-cancer'), ['v1']);

  await openRun('train-breast-cancer', 'timeline');
  const built = () => page.getByText('Build the image and push it').waitFor({ timeout: 20_000 });
  await until('the timeline shows it', () => built().then(isThere, () => page.reload().then(isMissing)), PATIENCE);
  await picture('temporal-ui-timeline.png');
  await openRun('train-breast-cancer', 'search-attributes');
  const attributes = async () => page.locator('#content, main').first().innerText();
  await until('the search attributes are there', async () => (await attributes()).includes('EdgeTrainSite'));
  for (const value of ['demo', 'breast-cancer', 'Completed', 'demo-ds1-v2'])
    assert.ok((await attributes()).includes(`": "${value}"`), value);
});

test('a wrong form fails the workflow at once, and the page names every fault by its path', async () => {
  await startFromForm('train-wrong', JSON.stringify({ site: 'NO', colour: 'red', model: { name: 'Ä' } }, null, 2));
  await openRun('train-wrong', 'user-metadata');
  await pageSays('InvalidInput (input)');
  const told = await details().locator('body').innerText();
  for (const path of ['site: ', 'colour: unknown key', 'model.name: ', 'job: ']) assert.ok(told.includes(path), path);
  assert.deepEqual(
    await auditor(product)
      .runs()
      .then((runs) => runs.length),
    1,
    'only the run before',
  );
  await picture('temporal-ui-refused.png');
});

test('the command shows the run that the form has started', async () => {
  const { stdout } = await product.edgeTrain('status', 'train-breast-cancer');
  assert.match(stdout, /train-breast-cancer: succeeded/);
  assert.match(stdout, /breast-cancer version 1/);
  const { page } = browser;
  await page.setContent('<pre style="display:inline-block;padding:1em;background:#1e1e1e;color:#ddd;font-size:13px">');
  const shown = `$ edge-train status train-breast-cancer\n${stdout}`;
  await page.locator('pre').evaluate((pre, text) => (pre.textContent = text), shown);
  await page.locator('pre').screenshot({ path: join(pictures, 'terminal.png') });
});

test('the pages came from the server of the run alone', () => {
  assert.deepEqual([...browser.hosts], [new URL(product.info.temporal.ui).host]);
});

/** A browser beside other tests on two cores takes its time, and a page that it has not finished is loaded anew. */
const PATIENCE = 180;

/** The UI shows Markdown in a frame of its own: the last is that of the current details. */
const details = () => browser.page.frameLocator('iframe >> nth=-1');

/** The page shows what was so when it was loaded: it is asked again (`r`) until it says so. */
async function pageSays(text: string | RegExp): Promise<void> {
  const said = () =>
    details()
      .getByText(text)
      .waitFor({ timeout: 3_000 })
      .then(isThere, () => browser.page.keyboard.press('r').then(isMissing));
  await until(`the page says ${text}`, said, PATIENCE);
}

const isThere = () => true;
const isMissing = () => false;
const hasTrained = ({ name, state }: RunStatus['steps'][number]) => name === 'train' && state !== 'waiting';

/** `input` is laid out as the form lays it out, or the button moves away under the click. */
async function startFromForm(workflowId: string, input: string): Promise<void> {
  const { page } = browser;
  const query = new URLSearchParams({ taskQueue: 'edge-train', workflowType: 'trainModel', workflowId });
  await page.goto(`${product.info.temporal.ui}/namespaces/default/workflows/start-workflow?${query}`);
  await page.getByRole('textbox', { name: 'Data' }).click();
  await page.keyboard.insertText(input);
  const sent = page.waitForResponse(
    (answer) => answer.request().method() === 'POST' && /workflows\//.test(answer.url()),
  );
  await page.getByTestId('start-workflow-button').click();
  assert.equal((await sent).status(), 200);
}

async function openRun(workflowId: string, tab: string): Promise<void> {
  const { runId } = JSON.parse((await product.edgeTrain('status', workflowId, '--json')).stdout) as { runId: string };
  await browser.page.goto(`${product.info.temporal.ui}/namespaces/default/workflows/${workflowId}/${runId}/${tab}`);
}

async function statusOf(workflowId: string): Promise<RunStatus> {
  return JSON.parse((await product.edgeTrain('status', workflowId, '--json')).stdout) as RunStatus;
}

async function picture(name: string): Promise<void> {
  await browser.page.screenshot({ path: join(pictures, name) });
  assert.ok(statSync(join(pictures, name)).size > 10_000, `${name} shows something`);
}
