import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, beforeEach, test, type TestContext } from 'node:test';
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import type { DescribedModel, DescribedVersion } from '../../domain/model-catalog.ts';
import { ServiceError } from '../../services/errors.ts';
import { startTemporal, type TemporalServer } from '../support/temporal.ts';
import { startHarness, type Harness } from '../workflows/support/harness.ts';
import { command, folder } from './command.ts';

let server: TemporalServer;
let harness: Harness;
before(async () => {
  server = await startTemporal();
  harness = await startHarness({ server });
});
after(async () => {
  await harness?.stop();
  await server?.stop();
});
beforeEach(() => harness.world.reset());

function user(t: TestContext) {
  const runs = 'runs: {container: "https://127.0.0.1:1/a/runs", sas: env:R}';
  const code = 'code: {container: "https://127.0.0.1:1/a/code", sas: env:S}';
  const place = folder(t, { 'client.yml': `${code}\nsites: {demo: {${runs}}}\n` });
  const env = { TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: 'default' };
  return (line: string) => command([...line.split(' '), '--config', place], { env });
}

const schemas = join(import.meta.dirname, '..', '..', 'schemas');
/** What `--json` prints, after it was compared with the schema that is published for it. */
function checked(name: string, stdout: string): Record<string, unknown> {
  const schema = JSON.parse(readFileSync(join(schemas, `output-${name}.schema.json`), 'utf8')) as object;
  const ajv = new Ajv({ strict: false });
  formats.default(ajv);
  const valid = ajv.validate(schema, JSON.parse(stdout));
  assert.ok(valid, `${stdout}\n${ajv.errorsText()}`);
  return JSON.parse(stdout) as Record<string, unknown>;
}

const alias = { alias: 'champion', version: 2, from: 1, by: 'ada@ward', at: '2026-01-02T03:04:05.000Z' };
const summary = { model: 'heart', site: 'demo', newest: 3, versions: 4, archived: 1, aliases: [alias] };
const registered = {
  version: 2,
  archived: false,
  at: '2026-01-01T01:02:03.000Z',
  aliases: ['champion'],
  job: '2'.repeat(20),
};
const version: DescribedVersion = {
  ...registered,
  ...{
    type: 'mlflow_model',
    modelUri: 'azureml://models',
    resourceId: '/models/heart/2',
    tags: { team: 'a\u001b[2Jb' },
  },
  lineage: { workflow: 'train-demo-heart-0', data: 'd'.repeat(64), 'data.files': '3', 'data.bytes': '99' },
  image: { registry: 'r.example', repository: 'edge-train/heart', tag: 'v2', digest: `sha256:${'1'.repeat(64)}` },
};
const described: DescribedModel = { ...summary, registered: [registered] };

test('models list and show say what Azure ML and the registry know', async (t) => {
  const { world } = harness;
  const run = user(t);
  world.instead('listModels', (site) => ({ site, models: [summary] }));
  world.instead('showModel', (asked) => ({
    ...described,
    ...('version' in asked || 'alias' in asked ? { version } : {}),
  }));
  const list = await run('models list');
  assert.match(list.stdout, /^heart +demo +3 +4 \(1 archived\) +champion 2$/m, list.stderr);
  assert.deepEqual(checked('models', (await run('models list --json')).stdout)['models'], [summary]);
  const model = await run('models show heart');
  assert.match(model.stdout, /^champion +version 2, since 2026-01-02 03:04Z by ada@ward; before: version 1$/m);
  assert.match(model.stdout, /^latest +version 3$/m);
  assert.match(model.stdout, /^and 3 older$/m);
  const one = await run('models show heart@champion');
  assert.match(one.stdout, /^data +sha256:d{64} \(3 files, 99 bytes\)$/m);
  assert.match(one.stdout, /^image +r\.example\/edge-train\/heart:v2@sha256:1{64}$/m);
  assert.ok(!one.stdout.includes('\u001b'), 'a tag repaints no terminal');
  checked('model', (await run('models show heart:2 --json')).stdout);
  assert.deepEqual(
    world.values('showModel').map(({ version, alias }) => version ?? alias),
    [undefined, 'champion', 2],
  );
});

test('models promote, archive and restore ask the model’s workflow and say what came of it; a refusal is exit 1', async (t) => {
  const { world } = harness;
  const run = user(t);
  const promoted = await run('models promote heart:2 --json');
  const output = checked('model-change', promoted.stdout);
  assert.deepEqual([output['version'], output['alias']], [2, 'champion']);
  const [asked] = world.values('changeModel');
  assert.ok(asked?.change.action === 'promote' && /^.+@.+$/.test(asked.change.by), 'who asks is told');
  assert.match((await run('models promote heart:3 --alias blue')).stdout, /^blue is heart version 3 now/);
  assert.match((await run('models archive heart:1')).stdout, /heart version 1 is archived/);
  assert.match((await run('models restore heart:1')).stdout, /no longer archived/);
  world.instead('changeModel', () => {
    throw new ServiceError({
      ...{ class: 'input', type: 'NoSuchVersion', cause: 'there is none', nextStep: 'Name one.', retryable: false },
    });
  });
  const refused = await run('models promote heart:9 --json');
  assert.equal(refused.exitCode, 1);
  const { failure } = checked('error', refused.stdout) as { failure: { type: string } };
  assert.equal(failure.type, 'NoSuchVersion');
});

test('models diff names two versions in every way, and tells what differs', async (t) => {
  const { world } = harness;
  const run = user(t);
  world.instead('compareVersions', ({ site }) => ({
    ...{ site, one: { model: 'heart', version: 2 }, other: { model: 'heart', version: 3 }, tags: [], sameImage: false },
    lineage: [{ name: 'data', one: 'a', other: 'b' }],
    files: [{ path: 'MLmodel', one: { sha256: 'f'.repeat(64), bytes: 7 } }],
  }));
  const told = await run('models diff heart:2 heart:3');
  assert.match(told.stdout, /^WHAT +NAME +heart:2 +heart:3$/m, told.stderr);
  assert.match(told.stdout, /^lineage +data +a +b$/m);
  assert.match(told.stdout, /^file +MLmodel +f{12} 7 bytes +-$/m);
  assert.match(told.stdout, /metrics and parameters are not compared/);
  checked('model-diff', (await run('models diff heart:2 @champion --json')).stdout);
  for (const line of ['heart :3', 'heart 3', 'heart lung:1']) await run(`models diff ${line}`);
  assert.deepEqual(
    world.values('compareVersions').map(({ other: { model, version, alias } }) => [model, version ?? alias]),
    [
      ...[
        ['heart', 3],
        ['heart', 'champion'],
        ['heart', 3],
        ['heart', 3],
        ['lung', 1],
      ],
    ],
  );
  assert.equal((await run('models diff heart:0 heart:1')).exitCode, 2);
});

test('registry gc tells what goes, how many bytes, and with --dry-run removes nothing', async (t) => {
  const { world } = harness;
  const run = user(t);
  const removed = [{ digest: `sha256:${'1'.repeat(64)}`, tags: ['v4'], why: 'no-version' as const }];
  world.instead('changeModel', () => ({
    ...{ site: 'demo', model: 'heart' },
    cleaned: [{ repository: 'edge-train/heart', removed, bytes: 2_000_000, tooYoung: 2 }],
  }));
  const told = await run('registry gc --dry-run --model heart');
  assert.match(told.stdout, /^edge-train\/heart +sha256:1{64} +v4 +its version is not registered$/m, told.stderr);
  assert.match(told.stdout, /^Would be removed: 1, /m);
  assert.match(told.stdout, /^2 more would go if they were older/m);
  checked('registry-cleaned', (await run('registry gc --model heart --older-than 5 --json')).stdout);
  assert.deepEqual(
    world
      .values('changeModel')
      .map(({ change }) => change.action === 'clean' && [change.dryRun, change.olderThanHours]),
    [
      [true, 72],
      [false, 5],
    ],
  );
  for (const option of ['--older-than 0', '--older-than x', '--model X'])
    assert.equal((await run(`registry gc ${option}`)).exitCode, 2, option);
});
