import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { TrainModelInput } from '../../domain/train-model-input.ts';
import { VERSION } from '../../domain/version.ts';
import { command, folder, JOB, training } from './command.ts';
import { told } from './stub/told.ts';

test('what the sandbox prints with --json is as published, also where there is none', async (t) => {
  const state = join(folder(t), 'none');
  const sandbox = (action: string) => command(['sandbox', action, '--state', state, '--json']);
  const [status, stopped, reset] = await Promise.all(['status', 'stop', 'reset'].map(sandbox));
  assert.ok(status && stopped && reset);
  assert.equal(told<{ state: string }>('output-sandbox-status', status).state, 'absent');
  assert.equal(status.exitCode, 1);
  for (const ended of [stopped, reset]) told('output-sandbox-ended', ended);
});

test('--version prints the version, and nothing else', async () => {
  assert.deepEqual(await command(['--version']), { exitCode: 0, stdout: `${VERSION}\n`, stderr: '' });
});

test('--print-input prints the whole input with what was set, and the form that it goes to', async (t) => {
  const files = training(1);
  const place = folder(t, {
    ...files,
    'job.yml': JOB.replace('code: src\n', ''),
    'config/client.yml': `${files['config/client.yml']}temporalUi: http://127.0.0.1:8233/\n`,
    'config/temporal.toml': '[profile.demo]\naddress = "127.0.0.1:1"\nnamespace = "hospital"\n',
  });
  const args = ['run', 'training.yml', '--config', 'config', '--print-input', '--set', 'inputs.rate=1.0'];
  const { exitCode, stdout, stderr } = await command([...args, '--set', 'limits={timeout: 60}'], { cwd: place });
  assert.equal(exitCode, 0, stderr);
  const { job } = TrainModelInput.parse(JSON.parse(stdout));
  assert.deepEqual([job.inputs?.['rate'], job.limits?.timeout], ['1.0', 60], 'numbers are as Python writes them');
  const form = new URL(/http\S+/.exec(stderr)?.[0] ?? '');
  assert.equal(form.pathname, '/namespaces/hospital/workflows/start-workflow');
  assert.equal(form.searchParams.get('workflowType'), 'trainModel');
  assert.match(form.searchParams.get('workflowId') ?? '', /^train-demo-heart-[0-9a-f]{12}$/);
});
