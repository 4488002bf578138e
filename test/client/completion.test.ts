import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { program } from '../../client/commands/program.ts';
import { completionTree } from '../../client/completion/tree.ts';
import { bashCompletion } from '../../client/completion/bash.ts';
import { fishCompletion } from '../../client/completion/fish.ts';
import { zshCompletion } from '../../client/completion/zsh.ts';
import { command, folder } from './command.ts';

const tree = completionTree(program(() => undefined));

test('bash completes commands, options and their choices from the sourced script', async (t) => {
  const { stdout } = await command(['completion', 'bash']);
  const place = folder(t, { 'edge-train.bash': stdout });
  const complete = (...typed: string[]): string[] => {
    const words = ['edge-train', ...typed].map((word) => `'${word}'`).join(' ');
    const script = `set -u; source "$0"; COMP_WORDS=(${words}); COMP_CWORD=${typed.length}; _edge_train
      printf '%s\\n' "\${COMPREPLY[@]+"\${COMPREPLY[@]}"}"`;
    const printed = execFileSync('bash', ['-c', script, join(place, 'edge-train.bash')], { encoding: 'utf8' });
    return printed.split('\n').filter(Boolean);
  };
  const expected: [string[], string[]][] = [
    [['sch'], ['schedule']],
    [
      ['schedule', ''],
      ['create', 'list', 'describe', 'pause', 'resume', 'trigger', 'delete'],
    ],
    [
      ['schedule', 'create', 'nightly', 'job.yml', '--overlap', 'buffer'],
      ['buffer-one', 'buffer-all'],
    ],
    [
      ['run', 'job.yml', '--after', ''],
      ['keep', 'deallocate', 'delete'],
    ],
    [
      ['run', '--mo'],
      ['--model', '--model-path'],
    ],
    [['run', '--site', ''], []],
    [['run', ''], []],
    [
      ['sandbox', 'st'],
      ['start', 'stop', 'status'],
    ],
    [['completion', 'f'], ['fish']],
  ];
  for (const [typed, offered] of expected) assert.deepEqual(complete(...typed), offered, typed.join(' '));
});

test('every command and option is in each shell’s script', () => {
  const paths = tree.map(({ path }) => path).filter((path) => path !== '');
  assert.ok(paths.includes('schedule create') && paths.includes('approve'));
  for (const script of [bashCompletion(tree), zshCompletion(tree), fishCompletion(tree)]) {
    for (const path of paths) assert.ok(script.includes(`'${path}'`), path);
    for (const { name } of tree.flatMap(({ options }) => options))
      assert.ok(script.includes(name) || script.includes(`-l ${name.slice(2)} `), name);
  }
});

test('every command has an example in its help, which says what it is', () => {
  const all = (from: ReturnType<typeof program>): ReturnType<typeof program>[] => [from, ...from.commands.flatMap(all)];
  for (const each of all(program(() => undefined)).filter(({ commands }) => commands.length === 0)) {
    let help = '';
    each.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    assert.match(help, /Examples?:\n {2}\$ (edge-train|source)/, each.name());
    assert.notEqual(each.description(), '', each.name());
  }
});
