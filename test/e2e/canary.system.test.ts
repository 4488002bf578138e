import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Failure } from '../../domain/failure.ts';
import type { TrainModelResult } from '../../domain/train-model-result.ts';
import { auditor } from './auditor.ts';
import { blobs } from './canary/blobs.ts';
import { commandLinesOfMachine, watchCommandLines } from './canary/command-lines.ts';
import { disguises } from './canary/disguises.ts';
import { examine, type Evidence } from './canary/examine.ts';
import { KINDS, type Exhibit, type Kind } from './canary/exhibit.ts';
import { histories } from './canary/histories.ts';
import { layers } from './canary/layers.ts';
import { logs } from './canary/logs.ts';
import { searchMachine, type OnMachine } from './canary/on-machine.ts';
import { Needles, type Needle } from './canary/needles.ts';
import { plant, type Plant } from './canary/plants.ts';
import { requests } from './canary/requests.ts';
import { search } from './canary/search.ts';
import { secrets, text } from './canary/secrets.ts';
import { orderTrouble, troubles } from './canary/trouble.ts';
import { docker, EXAMPLE, ROOT, startProduct, vmContainer, type Ended, type Product } from './product.ts';

/** In the id column, which the example's script drops, and in the data's file name: both can tell who a patient is. */
const PATIENT = `patient-${randomBytes(16).toString('hex')}`;
const FILE = `cohort-of-${randomBytes(16).toString('hex')}`;

const folder = mkdtempSync(join(tmpdir(), 'edge-train-canary-'));
let product: Product;
let audit: ReturnType<typeof auditor>;
let trained: TrainModelResult;
let failed: Ended;
let plants: readonly Plant[];
let evidence: Evidence;
let machine: OnMachine;

before(async () => {
  product = await startProduct({ trackingServer: true });
  audit = auditor(product);
  await uploadCohort();
  await orderTrouble(product);
  const watched = watchCommandLines();
  try {
    trained = await product.train(exampleOnCohort(), '--site', 'demo', '--model', 'canary', '--model-path', 'model');
    const leaky = join(ROOT, 'test', 'e2e', 'leaky-job', 'job.yml');
    failed = await product.edgeTrain('run', leaky, '--site', 'demo', '--model', 'leaky', '--json');
  } catch (error) {
    watched.stop();
    throw error;
  }
  machine = await searchMachine(product);
  const { plants: made, uproot } = await plant(product, audit);
  plants = made;
  const commandLines = [...watched.stop(), await commandLinesOfMachine(product)];
  uproot();
  evidence = await examine(exhibits(commandLines), new Needles(await everythingLookedFor()));
});
after(async () => {
  rmSync(folder, { recursive: true });
  await product.close();
});

test('what was searched is all there: both runs, the image, every log, and what failed under them', async () => {
  const has = (kind: Kind, what: RegExp) =>
    assert.ok(
      evidence.searched.get(kind)?.some((name) => what.test(name)),
      `${kind} ${what}`,
    );
  for (const workflow of [/^trainModel .*-canary-.*, history$/, /^trainModel .*-leaky-.*, history$/])
    has('history', workflow);
  for (const workflow of [/^virtualMachine .*, history$/, /^model .*, history$/]) has('history', workflow);
  for (const log of ['worker', 'server', 'supervisor', 'azurite', 'temporal', 'docker-registry', 'uplink-access'])
    has('log', new RegExp(`/${log}\\.log$`));
  for (const front of ['azure', 'registry', 'release-blob', 'stack-hub', 'site-blob'])
    has('request', new RegExp(`^${front} `));
  for (const { path } of trained.released.artifacts) has('blob', new RegExp(`models/canary/${trained.job}/${path}$`));
  has('layer', new RegExp(`/${trained.image.digest.slice('sha256:'.length)}/data$`));
  const unmet = (await troubles(product)).filter(({ fired, count }) => fired < count);
  assert.deepEqual(unmet, [], 'every fault was met');
  const told = evidence.findings.filter(({ name, kind }) => name === ORDERED && kind === 'history');
  for (const workflow of ['trainModel', 'virtualMachine'])
    assert.ok(
      told.some(({ exhibit }) => exhibit.startsWith(workflow)),
      `a history of ${workflow} tells of a failure`,
    );
});

test('the canaries were read: they are where data belongs, on site, and the script that told them failed as a script', () => {
  const told = JSON.parse(failed.stdout) as { failure: Failure };
  assert.equal(failed.code, 1, failed.stderr);
  assert.equal(told.failure.class, 'script');
  assert.equal(told.failure.type, 'ScriptFailed');
  assert.match(
    told.failure.nextStep,
    /Could not undo: keep the outputs on site: The script left .* only itself may read/,
  );
  const onSite = (name: string) => evidence.findings.filter((each) => each.onSite && each.name === name);
  const where = (name: string) => onSite(name).map(({ exhibit }) => exhibit);
  for (const place of [/\/hospital\/cohort\//, /\/outputs\/predictions\/held-out\.csv$/, /\/job\.log$/])
    assert.ok(
      where('a patient’s id').some((name) => place.test(name)),
      `the patient’s id is in ${place}`,
    );
  for (const place of [/\/hospital\/cohort\//, /\/job\.log$/])
    assert.ok(
      where('the data’s file name').some((name) => place.test(name)),
      `the file’s name is in ${place}`,
    );
});

test('no canary, key or password is in a history, a log, a command line, a request, a blob or a layer', () => {
  const planted = new Set(plants.map(({ kind }) => plantedIn(kind)));
  const leaks = evidence.findings
    .filter(({ name }) => name !== ORDERED && !planted.has(name))
    .filter(({ name, onSite }) => !(onSite && CANARIES.has(name)));
  assert.deepEqual(leaks, []);
});

// Its own keys, found where they belong, show that the search finds. The SAS is the one that brought the worker.
test('after the runs, the VM’s disk holds its own keys, what brought its worker, and nobody else’s key, password or token', (t) => {
  t.diagnostic(`${machine.files} files; ${machine.seconds} s`);
  assert.ok(machine.files > 10_000, `${machine.files} files were read`);
  assert.deepEqual(machine.disk, {
    'the VM’s own key': ['/etc/edge-train/machine.json'],
    'the VM’s SSH host key': ['/etc/ssh/ssh_host_ed25519_key'],
    'a SAS for one blob of edge-train-runs (r)': ['/var/lib/waagent/custom-script/settings/….json'],
  });
});

test('its worker’s memory holds the VM’s own key and the grants of the runs that it has done, and nothing else of the kind', () => {
  assert.ok(machine.memoryBytes > 50 * 2 ** 20, `${machine.memoryBytes} bytes were read`);
  assert.deepEqual(machine.memory, [
    'a SAS for edge-train-runs (rcw)',
    'a SAS for hospital (r)',
    'a SAS for one blob of edge-train-code (r)',
    'a SAS for one blob of edge-train-staging (cw)',
    'the VM’s own key',
  ]);
});

test('nobody can log in to the VM with a password, so there is none to leak', async () => {
  const shadow = await docker(product.info, 'exec', await vmContainer(product), 'cat', '/etc/shadow');
  const open = shadow.split('\n').filter((line) => !/^[^:]+:[!*]/.test(line));
  assert.deepEqual(
    open.map((line) => line.split(':', 1)[0]),
    [],
  );
  const [machine] = await audit.virtualMachines();
  const { osProfile } = machine?.properties as { osProfile: { linuxConfiguration: Record<string, unknown> } };
  assert.equal(osProfile.linuxConfiguration['disablePasswordAuthentication'], true);
});

test('a leak that is made at each kind of place is found there', () => {
  for (const { kind, where } of plants) {
    const found = evidence.findings.filter(({ name }) => name === plantedIn(kind));
    const there = found.some((each) => each.kind === kind && where.test(each.exhibit));
    assert.ok(there, `${plantedIn(kind)} was found in: ${JSON.stringify(found)}`);
  }
  assert.deepEqual(plants.map(({ kind }) => kind).sort(), [...KINDS].sort());
});

test('the canary in any disguise, in the middle of any kind of exhibit, is found', () => {
  const needles = new Needles(text('canary', PATIENT));
  for (const kind of KINDS) {
    const { bytes } = evidence.samples.get(kind)!;
    const middle = Math.floor(bytes.length / 2);
    assert.deepEqual(search(bytes, needles), [], `${kind}, before anything was put into it`);
    for (const [disguise, hidden] of disguises(PATIENT)) {
      const spoilt = Buffer.concat([bytes.subarray(0, middle), hidden, bytes.subarray(middle)]);
      // Raw deflate has no mark: it is found where it is all of what was encoded.
      const searched = disguise.startsWith('raw deflate') ? Buffer.concat([hidden, Buffer.from('\0'), bytes]) : spoilt;
      assert.equal(search(searched, needles).length, 1, `${disguise} in a ${kind}`);
    }
  }
});

/** Not secret: it shows that what the faults caused was written into histories. */
const ORDERED = 'an error that we ordered';
const CANARIES = new Set(['a patient’s id', 'the data’s file name']);
const plantedIn = (kind: Kind): string => `what was planted in a ${kind}`;

/** One at a time, since images are large. */
async function* exhibits(commandLines: readonly Exhibit[]): AsyncGenerator<Exhibit> {
  yield* commandLines;
  yield { kind: 'log', name: 'what the first run printed', bytes: Buffer.from(JSON.stringify(trained)) };
  yield { kind: 'log', name: 'what the second run printed', bytes: Buffer.from(failed.stdout + failed.stderr) };
  yield* histories(product);
  yield* logs(product);
  yield* requests(await audit.requests());
  yield* blobs(audit.releaseBlobs());
  yield* blobs(audit.siteBlobs(), true);
  yield* layers(product);
}

async function everythingLookedFor(): Promise<Needle[]> {
  return [
    ...text('a patient’s id', PATIENT),
    ...text('the data’s file name', FILE),
    ...(await secrets(product)),
    ...text(ORDERED, 'The sandbox was ordered to answer 500.'),
    ...plants.flatMap(({ kind, secret }) => text(plantedIn(kind), secret)),
  ];
}

/** The example's data with canaries, in a folder of the hospital's store. */
async function uploadCohort(): Promise<void> {
  const rows = readFileSync(join(EXAMPLE, 'data', 'wdbc.csv'), 'utf8').replaceAll('\nP-', `\n${PATIENT}-`);
  const blob = audit.siteAccount().container('hospital').getBlockBlobClient(`cohort/${FILE}.csv`);
  await blob.upload(rows, Buffer.byteLength(rows));
}

/** The example, but that its data is a folder of files. */
function exampleOnCohort(): string {
  cpSync(EXAMPLE, folder, { recursive: true });
  const change = (file: string, from: string, to: string) => {
    const before = readFileSync(join(folder, file), 'utf8');
    assert.ok(before.includes(from), `${file} of the example has ${from}`);
    writeFileSync(join(folder, file), before.replace(from, to));
  };
  change('job.yml', 'type: uri_file', 'type: uri_folder');
  change('job.yml', 'paths/breast-cancer/wdbc.csv', 'paths/cohort');
  change(join('src', 'train.py'), 'pd.read_csv(args.data)', 'pd.read_csv(next(args.data.iterdir()))');
  return join(folder, 'job.yml');
}
