import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { parseArgs } from 'node:util';
import { CommanderError } from 'commander';
import { CommandError } from '../../client/command-error.ts';
import { program, usageText } from '../../client/commands/program.ts';
import { train } from '../../client/run.ts';
import { errorText } from '../../client/show/error.ts';
import { command, folder, JOB, training, TRAINING, tripwire } from './command.ts';
import { told } from './stub/told.ts';

/** One input that must be refused: what is changed in a training that is in order, and what must be named. */
interface Case {
  readonly files?: Record<string, string | Uint8Array>;
  readonly prepare?: (path: string) => void;
  readonly args?: readonly string[];
  /** The place: a path in the file, a flag, or a file. */
  readonly path: RegExp;
  readonly rule: RegExp;
}

const job = (find: string | RegExp, put: string): Case['files'] => ({ 'job.yml': JOB.replace(find, put) });
const top = (find: string | RegExp, put: string): Case['files'] => ({ 'training.yml': TRAINING.replace(find, put) });
const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]']
  .concat([...'bcdefgh'].map((name, i) => `${name}: &${name} [${`*${'abcdefg'[i]}, `.repeat(10)}]`))
  .join('\n');

const cases: Record<string, Case> = {
  'an empty file': { files: { 'training.yml': '' }, path: /training\.yml/, rule: /is empty/ },
  'an absent file': { args: ['absent.yml'], path: /absent\.yml/, rule: /does not exist/ },
  'a folder': { args: ['src'], path: /src/, rule: /is a folder/ },
  'a FIFO': {
    prepare: (path) => void execFileSync('mkfifo', [join(path, 'fifo.yml')]),
    args: ['fifo.yml'],
    path: /fifo\.yml/,
    rule: /not a regular file/,
  },
  'a device': { args: ['/dev/zero'], path: /\/dev\/zero/, rule: /not a regular file/ },
  'a file in a file': { args: ['job.yml/x'], path: /job\.yml/, rule: /does not exist/ },
  'UTF-16': {
    files: { 'training.yml': Buffer.from(`\ufeff${TRAINING}`, 'utf16le') },
    path: /training/,
    rule: /UTF-16/,
  },
  'a NUL': { files: top('demo', 'de\0mo'), path: /training\.yml/, rule: /NUL/ },
  'no UTF-8': { files: { 'training.yml': Buffer.from([0x73, 0xff, 0xfe, 0x3a]) }, path: /training/, rule: /not UTF-8/ },
  'more than 1 MiB': { files: { 'training.yml': `#${'x'.repeat(2 ** 20)}` }, path: /training/, rule: /1 MiB/ },
  'an alias bomb': { files: { 'training.yml': bomb }, path: /training/, rule: /aliases/ },
  'great depth': { files: { 'training.yml': `a: ${'['.repeat(20_000)}` }, path: /training/, rule: /nested/ },
  'some depth': { files: { 'training.yml': `a: ${'['.repeat(200)}${']'.repeat(200)}` }, path: /:1/, rule: /nested/ },
  'a key twice': { files: top('job:', 'site: other\njob:'), path: /training\.yml:2/, rule: /unique/ },
  'an unknown key': { files: top('job:', 'jobs: x\njob:'), path: /training\.yml:2: jobs/, rule: /did you mean job\?/ },
  __proto__: { files: top('job:', '__proto__: {site: x}\njob:'), path: /training\.yml:2/, rule: /is no key/ },
  'a tag of JavaScript': { files: top('demo', '!!js/function "x"'), path: /training\.yml:1/, rule: /tag/i },
  '!!binary': { files: top('demo', '!!binary aGk='), path: /training\.yml:1/, rule: /tag/i },
  'two documents': { files: top(/$/, '---\nsite: x\n'), path: /training/, rule: /several/ },
  tabs: { files: top('  name', '\tname'), path: /training\.yml:4/, rule: /tab/i },
  'a list': { files: { 'training.yml': '- a\n' }, path: /training\.yml/, rule: /expected object/i },
  'a text': { files: { 'training.yml': 'hello\n' }, path: /training\.yml/, rule: /expected object/i },
  'a key that is a number': { files: job('rate: 0.5', '7: 0.5'), path: /job\.yml:8/, rule: /key must be a text/ },
  'a missing field': { files: top('site: demo\n', ''), path: /site/, rule: /required/ },
  'null for a field': { files: top('demo', ''), path: /training\.yml:1: site/, rule: /expected string/ },
  'a site with capitals': { files: top('demo', 'Demo'), path: /site/, rule: /site name/ },
  'a Cyrillic look-alike': { files: top('demo', 'dеmo'), path: /site/, rule: /site name/ },
  'a combining character': { files: top('heart', 'heárt'), path: /model\.name/, rule: /model name/ },
  'an RTL override': { files: top('heart', 'he\u202eart'), path: /model\.name/, rule: /\\u202e/ },
  'an emoji': { files: top('heart', '"❤"'), path: /model\.name/, rule: /model name/ },
  'ANSI escapes': { files: top('heart', '"\\e[31mred"'), path: /model\.name/, rule: /\\u001b/ },
  'a model name of 64 characters': { files: top('heart', 'h'.repeat(64)), path: /model\.name/, rule: /1 to 63/ },
  'a VM name of 41 characters': {
    files: top(/$/, `virtualMachine: {name: ${'v'.repeat(41)}}\n`),
    path: /virtualMachine\.name/,
    rule: /1 to 40/,
  },
  'a registry in the repository': {
    files: top(/$/, 'image: {repository: "evil.example:5000/x"}\n'),
    path: /image\.repository/,
    rule: /no registry host/,
  },
  'CRLF in a tag': {
    files: top(/$/, '  tags: {team: "a\\r\\nb"}\n'),
    path: /model\.tags\.team/,
    rule: /control characters/,
  },
  'a job file that is absolute': { files: top('job.yml', '/etc/hosts'), path: /job/, rule: /relative/ },
  'an absent job file': { files: top('job.yml', 'no.yml'), path: /no\.yml/, rule: /does not exist/ },
  'code that is absent': { files: job('code: src', 'code: nowhere'), path: /job\.yml: code/, rule: /no folder/ },
  'code that is absolute': { files: job('code: src', 'code: /etc'), path: /job\.yml:3: code/, rule: /relative/ },
  'code that is a URL': { files: job('code: src', 'code: git+https://x/y'), path: /code/, rule: /relative/ },
  'a link out of the code': {
    prepare: (path) => symlinkSync('/etc/hostname', join(path, 'src', 'stolen')),
    path: /code/,
    rule: /leads out of the folder \(was "stolen"\)/,
  },
  'a link to nothing': {
    prepare: (path) => symlinkSync('absent', join(path, 'src', 'broken')),
    path: /code/,
    rule: /points to nothing/,
  },
  'a circle of links': {
    prepare: (path) => symlinkSync('.', join(path, 'src', 'again')),
    path: /code/,
    rule: /circle/,
  },
  'a FIFO in the code': {
    prepare: (path) => void execFileSync('mkfifo', [join(path, 'src', 'pipe')]),
    path: /code/,
    rule: /neither a file nor a folder/,
  },
  'a newline in a name of the code': { files: { 'src/a\nb.py': '' }, path: /code/, rule: /control characters/ },
  'code without files': {
    prepare: (path) => mkdirSync(join(path, 'empty')),
    files: job('code: src', 'code: empty'),
    path: /code/,
    rule: /no file/,
  },
  'data that is a URL': {
    files: job('azureml://datastores/hospital/paths/a/b.csv', 'https://x.example/b.csv'),
    path: /job\.yml:7: inputs\.data\.path/,
    rule: /--input data=STORE\/PATH/,
  },
  'data on this machine': {
    files: job('azureml://datastores/hospital/paths/a/b.csv', './b.csv'),
    path: /inputs\.data\.path/,
    rule: /where the data is on site/,
  },
  'data that climbs': {
    files: job('paths/a/b.csv', 'paths/../../b.csv'),
    path: /inputs\.data\.path/,
    rule: /where the data is on site/,
  },
  'an undeclared input': {
    files: job('inputs.rate', 'inputs.raet'),
    path: /job\.yml:2: command/,
    rule: /not declared/,
  },
  'a negative timeout': { files: job(/$/, 'limits: {timeout: -1}\n'), path: /limits\.timeout/, rule: />=1/ },
  'a timeout in words': { files: job(/$/, 'limits: {timeout: 5 minuts}\n'), path: /limits\.timeout/, rule: /number/ },
  'a timeout of 20 digits': {
    files: job(/$/, 'limits: {timeout: 12345678901234567890}\n'),
    path: /limits\.timeout/,
    rule: /int|<=/i,
  },
  'infinity as a timeout': {
    files: job(/$/, 'limits: {timeout: .inf}\n'),
    path: /limits\.timeout/,
    rule: /number|int/,
  },
  'two instances': { files: job(/$/, 'resources: {instance_count: 2}\n'), path: /instance_count/, rule: /one VM/ },
  'a pipeline': {
    files: job('type: command', 'type: pipeline'),
    path: /job\.yml:1: type/,
    rule: /pipeline jobs are not/,
  },
  'an identity': { files: job(/$/, 'identity: {type: managed}\n'), path: /identity/, rule: /holds no identity/ },
  'an absent conda file': {
    files: job(/environment: .*/, 'environment: {conda_file: conda.yml}'),
    path: /environment\.conda_file/,
    rule: /does not exist/,
  },
  'conda packages': {
    files: {
      ...job(/environment: .*/, 'environment: {conda_file: conda.yml}'),
      'conda.yml': 'dependencies: [python=3.11, cudatoolkit]\n',
    },
    path: /conda\.yml:1: dependencies\[1\]/,
    rule: /not known to be the same in pip/,
  },
  'an option among requirements': {
    files: {
      ...job(/environment: .*/, 'environment: {conda_file: conda.yml}'),
      'conda.yml': 'dependencies:\n  - pip:\n      - --index-url=https://evil.example\n',
    },
    path: /conda\.yml:3: dependencies\[0\]\.pip\[0\]/,
    rule: /options, URLs and paths are refused/,
  },
  'a job file without --site and --model': {
    args: ['job.yml'],
    path: /--site/,
    rule: /required[^]*--model: is required/,
  },
  'a training.yml with --site': { args: ['training.yml', '--site', 'demo'], path: /--site/, rule: /job files/ },
  'a bad --site': { args: ['job.yml', '--site', '../x', '--model', 'm'], path: /--site/, rule: /site name/ },
  'an --input of no job’s': {
    args: ['training.yml', '--input', 'x=hospital/a'],
    path: /--input x/,
    rule: /not a data input/,
  },
  'an --input without a store': {
    args: ['training.yml', '--input', 'data=a'],
    path: /--input data/,
    rule: /STORE|name/,
  },
  'an --input that climbs': {
    args: ['training.yml', '--input', 'data=hospital/../x'],
    path: /--input data/,
    rule: /without \.\./,
  },
  'an --input twice': {
    args: ['training.yml', '--input', 'data=hospital/a', '--input', 'data=hospital/b'],
    path: /--input data/,
    rule: /twice/,
  },
};

Object.assign(cases, {
  'a --set without a value': { args: ['training.yml', '--set', 'inputs.rate'], path: /--set/, rule: /PATH=VALUE/ },
  'a --set of no field': {
    args: ['training.yml', '--set', 'inputz.rate=1'],
    path: /--set inputz/,
    rule: /unknown key; did you mean inputs\?/,
  },
  'a --set outside of the job file': {
    args: ['training.yml', '--set', 'model.tags.team=x'],
    path: /--set model/,
    rule: /unknown key; known here: .*command/,
  },
  'a --set through a number': {
    args: ['training.yml', '--set', 'inputs.rate.x=1'],
    path: /--set inputs\.rate\.x/,
    rule: /goes through inputs\.rate/,
  },
  'a --set that breaks a rule': {
    args: ['training.yml', '--set', 'limits.timeout=-1'],
    path: /--set limits\.timeout/,
    rule: />=1 \(was -1\)/,
  },
  'a --set of a prototype': {
    args: ['training.yml', '--set', 'inputs.__proto__.polluted=1'],
    path: /--set inputs\.__proto__/,
    rule: /is no field/,
  },
  'a --set to a tag of JavaScript': {
    args: ['training.yml', '--set', 'inputs.rate=!!js/function x'],
    path: /--set inputs\.rate/,
    rule: /no YAML/,
  },
  'a --set to a prototype': {
    args: ['training.yml', '--set', 'inputs.rate={__proto__: {polluted: 1}}'],
    path: /--set inputs\.rate/,
    rule: /no YAML/,
  },
  'a --set with escapes': {
    args: ['training.yml', '--set', '\u001b[2J=1'],
    path: /--set/,
    rule: /has no path .*\(was "\\u001b\[2J"\)/,
  },
  'a --set twice': {
    args: ['training.yml', '--set', 'inputs.rate=1', '--set', 'inputs.rate=2'],
    path: /--set inputs\.rate/,
    rule: /twice/,
  },
} satisfies Record<string, Case>);

process.env['CODE_SAS'] = 'sig=s3cret';

for (const [name, { files = {}, prepare, args = ['training.yml'], path, rule }] of Object.entries(cases)) {
  test(`run refuses ${name}`, async (t) => {
    const wire = await tripwire(t);
    const place = folder(t, { ...training(wire.port), ...files });
    prepare?.(place);
    const error = await refusal(place, args);

    assert.equal(error.exitCode, 2);
    const text = errorText(error);
    assert.match(text, path);
    assert.match(text, rule);
    assert.match(text, /^Next: ./m);
    assertHarmless(text);
    assert.equal(wire.visits(), 0, 'nothing was asked of any service');
  });
}

function assertHarmless(text: string): void {
  assert.doesNotMatch(text, /^\s+at .*:\d+:\d+|node:internal|s3cret/m, 'no stack and no secret');
  assert.doesNotMatch(text, /(?!\n)[\p{Cc}\u202e]/u, 'nothing that repaints a terminal');
  for (const [, value = ''] of text.matchAll(/\(was (.*)\)$/gm)) assert.ok([...value].length <= 80, value);
}

const create = (...flags: string[]): string[] => ['schedule', 'create', 'nightly', 'training.yml', ...flags];
const daily = ['--cron', '0 3 * * *'];

/** Command lines that must be refused, and what must be said of them. */
const commandLines: [string[], RegExp][] = [
  [['list', '--site', "demo' OR '1'='1"], /--site: a site name .*\(was "demo' OR/],
  [['list', '--model', 'm\' OR WorkflowType = "x'], /--model: a model name/],
  [['list', '--status', "Failed' OR 1=1"], /--status: must be one of Queued, .*Canceled/],
  [['list', '--limit', '0'], /--limit: must be a number from 1 to 1000/],
  [['list', '--limit', '1001'], /--limit: must be a number from 1 to 1000/],
  [['list', '--limit', '1e3'], /--limit: must be a number/],
  [['list', 'more'], /too many arguments/],
  [['watch', ''], /RUN: a run is named/],
  [['status', 'x'.repeat(1001)], /RUN: a workflow id has at most 1000/],
  [['logs', 'a\u001b[2Jb\r\n'], /RUN: a workflow id has no control characters \(was "a\\u001b\[2Jb\\r\\n"\)/],
  [['watch', '\ud800'], /RUN: a workflow id has no control characters/],
  [['logs', 'x', '--follow', '--json'], /cannot be used with/],
  [['run', 'training.yml', '--print-input', '--detach'], /cannot be used with/],
  [['run', 'training.yml', '--after', '\u001b[31mburn\u202e'], /'\\u001b\[31mburn\\u202e' is invalid/],
  [['cancel', 'x', '--reason', ''], /--reason/],
  [['cancel', 'x', '--reason', 'a\r\nb'], /--reason: a reason has no control characters/],
  [['approve', 'x'], /required option '--reason/],
  [['approve', 'x', '--reason', 'y'.repeat(1001)], /--reason/],
  [['reject', 'x', '--reason', 'y', '--release', "'; rm"], /--release: must be 8 to 64 of 0-9 and a-f/],
  [['approve', 'x', '--reason', 'y'], /approval: is required/],
  [create(), /--cron: .*needs --cron or --every/],
  [create(...daily, '--every', '1d'), /--every: cannot be given together with --cron/],
  [create('--cron', '* * * * * *'), /--cron: a cron expression has five fields.*seconds and years are refused/],
  [create('--cron', '@daily'), /--cron: a cron expression has five fields/],
  [create('--cron', 'CRON_TZ=UTC * * * * *'), /--cron: a cron expression has five fields/],
  [create('--cron', '61 3 * * *'), /--cron: its minute is none/],
  [create('--cron', '0 3 * * mon-fry'), /--cron: its day of the week is none/],
  [create('--cron', '0 3 31-1 * *'), /--cron: its day of the month is none/],
  [create('--cron', '*/0 * * * *'), /--cron: its minute is none/],
  [create('--every', '5 minuts'), /--every: an interval is a number and s, m, h or d/],
  [create('--every', '1s'), /--every: .* from 60s to 366d/],
  [create('--every', '1d', '--time-zone', 'Europe/Berlin'), /--time-zone: is for --cron/],
  [create(...daily, '--time-zone', 'Mars/Base'), /--time-zone: a time zone is an IANA name/],
  [create(...daily, '--time-zone', '+02:00'), /--time-zone: a time zone is an IANA name/],
  [create(...daily, '--catchup-window', '1y'), /--catchup-window: a catch-up window is/],
  [create(...daily, '--catchup-window', '365d'), /--catchup-window: .* from 10s to 30d/],
  [create(...daily, '--overlap', 'all'), /Allowed choices are skip, /],
  [create(...daily, '--note', 'a\nb'), /--note: a note has no control characters/],
  [create(...daily, '--set', 'x'), /--set: must be PATH=VALUE/],
  [['schedule', 'create', '../nightly', 'training.yml', ...daily], /NAME: a schedule’s name is/],
  [['schedule', 'create', 'n'.repeat(41), 'training.yml', ...daily], /NAME: a schedule’s name is/],
  [['schedule', 'create', 'nightly', 'absent.yml', ...daily], /absent\.yml: does not exist/],
  [['schedule', 'pause', "x'; drop"], /NAME: a schedule’s name is/],
  [['schedule', 'trigger', 'x', '--overlap', ''], /Allowed choices/],
  [['schedule', 'delete'], /missing required argument 'name'/],
  [['completion', 'tcsh'], /Allowed choices are bash, zsh, fish/],
];

test('command lines are refused before anything is asked of a service', async (t) => {
  const wire = await tripwire(t);
  const place = folder(t, training(wire.port));
  const from = process.cwd();
  process.chdir(place);
  t.after(() => process.chdir(from));
  process.env['EDGE_TRAIN_CONFIG'] = join(place, 'config');
  t.after(() => delete process.env['EDGE_TRAIN_CONFIG']);
  for (const [args, rule] of commandLines) {
    const error: unknown = await program(() => undefined, { quiet: true })
      .parseAsync(args, { from: 'user' })
      .then(
        () => new Error(`it was not refused: ${args.join(' ')}`),
        (thrown: unknown) => thrown,
      );
    const usage = error instanceof CommanderError;
    if (!usage && !(error instanceof CommandError)) throw error;
    if (!usage) assert.equal(error.exitCode, 2, args.join(' '));
    const text = usage ? usageText(error.message) : errorText(error);
    assert.match(text, rule);
    assertHarmless(text);
  }
  assert.equal(wire.visits(), 0);
});

/** What `edge-train run ARGS` is refused with, in this process: a process a case would take a minute. */
async function refusal(place: string, [file = '', ...flags]: readonly string[]): Promise<CommandError> {
  const text = { type: 'string' } as const;
  const many = { ...text, multiple: true } as const;
  const options = { site: text, model: text, input: many, set: many } as const;
  const { values } = parseArgs({ args: [...flags], options });
  const whole = { ...values, input: values.input ?? [], config: join(place, 'config') };
  const error: unknown = await train(resolve(place, file), whole).then(
    () => new Error('it was not refused'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof CommandError) return error;
  throw error;
}

test('run refuses a file that may not be read', async (t) => {
  const place = folder(t, training(1));
  chmodSync(join(place, 'training.yml'), 0o000);
  if (process.getuid?.() === 0) {
    // Root reads everything: as root, the same command is run by another user.
    chmodSync(place, 0o755);
    const script = `process.setgid(65534); process.setuid(65534); await import(${JSON.stringify(join(import.meta.dirname, '../../client/files/read-text.ts'))}).then(({readText}) => readText(${JSON.stringify(join(place, 'training.yml'))})).then(() => console.log('read'), (error) => console.log(error.faults[0].rule))`;
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    assert.match(said, /may not be read by you/);
    return;
  }
  const ended = await command(['run', 'training.yml'], { cwd: place });
  assert.equal(ended.exitCode, 2);
  assert.match(ended.stderr, /may not be read by you/);
});

test('all faults are told at once, each with its place', async (t) => {
  const place = folder(t, {
    ...training(1),
    'training.yml': 'site: Demo\njob: job.yml\nmodel:\n  name: A\n  colour: red\n',
    'job.yml': JOB.replace('rate: 0.5', 'rate: [1]').replace('type: command\n', 'type: command\nqueue_settings: {}\n'),
  });
  const { stderr } = await command(['run', 'training.yml'], { cwd: place });
  assert.match(stderr, /training\.yml:1: site: /);
  assert.match(stderr, /training\.yml:4: model\.name: /);
  assert.match(stderr, /training\.yml:5: model\.colour: unknown key/);
});

test('with --json a refusal is one object on standard output', async (t) => {
  const place = folder(t, { 'training.yml': TRAINING.replace('demo', 'Demo') });
  const { exitCode, stdout, stderr } = await command(['run', 'training.yml', '--json'], { cwd: place });
  assert.equal(exitCode, 2);
  assert.equal(stderr, '');
  const told = JSON.parse(stdout) as {
    ok: boolean;
    exitCode: number;
    failure: { type: string };
    faults: { path: string; line: number }[];
  };
  assert.deepEqual([told.ok, told.exitCode, told.failure.type], [false, 2, 'InvalidInput']);
  assert.deepEqual(told.faults.map(({ path, line }) => [path, line])[0], ['site', 1]);
});

test('usage errors are exit 2: an unknown option, an extra argument, an unknown verb, a bad choice', async () => {
  for (const args of [
    ['run', 'x.yml', '--modle', 'm'],
    ['run', 'a.yml', 'b.yml'],
    ['trian'],
    ['run'],
    ['run', 'x.yml', '--after', 'burn'],
    ['run', 'x.yml', '--deploy', 'moon'],
    ['run', 'x.yml', '--local', '--deploy', 'site'],
    ['sandbox', 'strat'],
  ]) {
    const { exitCode, stderr } = await command(args);
    assert.equal(exitCode, 2, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, /^edge-train: /);
    assert.doesNotMatch(stderr, /^\s+at /m);
  }
});

test('with --json a usage error has the shape of every other', async () => {
  const { exitCode, stdout, stderr } = await command(['list', '--json', '--modle', 'x\u001b']);
  assert.deepEqual([exitCode, stderr], [2, '']);
  const { failure } = told<{ failure: { type: string; cause: string } }>('output-error', { stdout, stderr });
  assert.equal(failure.type, 'InvalidInput');
  assert.match(failure.cause, /unknown option '--modle'.*Did you mean --model\?/s);
});

test('a reader that leaves early is no error', async (t) => {
  const place = folder(t);
  const main = join(import.meta.dirname, '../../client/main.ts');
  const script = `{ "$0" "$1" completion fish; echo "exit $?" >&2; } 2>errors | head -c 1`;
  execFileSync('bash', ['-c', script, process.execPath, main], { cwd: place });
  assert.equal(readFileSync(join(place, 'errors'), 'utf8'), 'exit 0\n');
});

test('a byte order mark is accepted', async (t) => {
  const place = folder(t, { ...training(1), 'training.yml': `\ufeff${TRAINING}` });
  const { exitCode } = await command(['run', 'training.yml', '--config', 'config', '--print-input'], {
    cwd: place,
    env: { CODE_SAS: 's' },
  });
  assert.equal(exitCode, 3, 'it got as far as the services');
});

test('without a configuration, the error says where it was looked for', async (t) => {
  const place = folder(t, { ...training(1) });
  const { exitCode, stderr } = await command(['run', 'training.yml'], { cwd: place });
  assert.equal(exitCode, 2);
  assert.match(stderr, /client\.yml[^]*\.edge-train[^]*sandbox start/);
});

test('a service that cannot be reached is exit 3, with its address', async (t) => {
  const place = folder(t, training(1));
  const { exitCode, stderr } = await command(['run', 'training.yml', '--config', 'config', '--print-input'], {
    cwd: place,
    env: { CODE_SAS: 'sig=s3cret' },
  });
  assert.equal(exitCode, 3, stderr);
  assert.match(stderr, /127\.0\.0\.1:1\b/);
  assert.doesNotMatch(stderr, /s3cret/);
});
