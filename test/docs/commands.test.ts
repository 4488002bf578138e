import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { command } from '../client/command.ts';
import { readCompose } from '../workers/compose.ts';
import { commandsOf, invocations, ROOT, type Invocation } from './blocks.ts';

const all = invocations();
const of = (...programs: string[]) => all.filter(({ words: [program = ''] }) => programs.includes(program));

test('a script is split into the commands that a shell would start', () => {
  assert.deepEqual(
    commandsOf(`A=1 one --x 'a b' "c \\"d" # no
two <in >out 2>err | three \\
  --y && { four "$(wc -c <x)"; five; } >six
`),
    [['one', '--x', 'a b', 'c \\"d'], ['two'], ['three', '--y'], ['four', '$(wc -c <x)'], ['five']],
  );
});

/** What pages may name besides the programs that are checked below. */
const PLAIN = [
  'umask',
  'chown',
  'chmod',
  'cd',
  'cat',
  'printf',
  'sed',
  'grep',
  'base64',
  'sha256sum',
  'python3',
  'curl',
];
const CHECKED = [
  ...['edge-train', 'bin/edge-train', 'npm', 'node', 'docker', 'az'],
  ...['temporal', 'openssl', 'ssh-keygen'], // commands.system.test.ts
  ...['cosign', 'oras'], // test/services/attestations.tools.test.ts
];

test('the pages name no program that this test does not know', () => {
  assert.ok(all.length > 30);
  for (const { page, words } of all)
    assert.ok([...PLAIN, ...CHECKED].includes(words[0] ?? ''), `${page}: ${words.join(' ')}`);
});

test('every edge-train command in the pages exists, with its flags', async () => {
  const used = of('edge-train', 'bin/edge-train');
  assert.ok(used.length >= 5);
  for (const { page, words } of used) {
    const text = `${page}: ${words.join(' ')}`;
    let help = await helpOf([]);
    const names: string[] = [];
    const rest = words.slice(1);
    while (rest[0] !== undefined && help.commands.includes(rest[0])) {
      names.push(rest.shift() ?? '');
      help = await helpOf(names);
    }
    assert.ok(names.length > 0 || rest[0]?.startsWith('-'), `${text}: no such command`);
    if (help.commands.length > 0) assert.ok(rest.length === 0 || rest[0]?.startsWith('-'), `${text}: no such command`);
    for (const flag of flagsOf(rest)) assert.ok(help.flags.includes(flag), `${text}: no flag ${flag}`);
  }
});

interface Help {
  readonly commands: string[];
  readonly flags: string[];
}
const helps = new Map<string, Promise<Help>>();

/** What the command's own `--help` lists. */
function helpOf(names: readonly string[]): Promise<Help> {
  const key = names.join(' ');
  const known = helps.get(key) ?? askHelp(names);
  helps.set(key, known);
  return known;
}

async function askHelp(names: readonly string[]): Promise<Help> {
  const { exitCode, stdout, stderr } = await command([...names, '--help']);
  assert.equal(exitCode, 0, stderr);
  const section = (title: string) => new RegExp(`^${title}:\\n((?: .*\\n|\\n(?= ))+)`, 'm').exec(stdout)?.[1] ?? '';
  return {
    commands: [...section('Commands').matchAll(/^ {2}([a-z][\w-]*)/gm)].map((match) => match[1] ?? ''),
    flags: [...stdout.matchAll(/^ {2}(?:(-\w), )?(--[\w-]+)/gm)].flatMap(([, short = '', long = '']) => [short, long]),
  };
}

const flagsOf = (words: readonly string[]): string[] =>
  words.filter((word) => /^--?[A-Za-z]/.test(word)).map((word) => word.replace(/=.*/, ''));

test('npm scripts and node’s files exist', () => {
  const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
  for (const { page, words } of of('npm')) {
    const script = words[1] === 'run' ? words[2] : words[1];
    assert.ok(Object.hasOwn(scripts, script ?? ''), `${page}: ${words.join(' ')}`);
  }
  for (const { page, words } of of('node'))
    assert.ok(existsSync(path.join(ROOT, words[1] ?? '')), `${page}: ${words.join(' ')}`);
});

/** Flags of commands that cannot be asked here, as their vendors document them. */
const FLAGS: Record<string, string[]> = {
  'docker import': ['--change', '--message', '--platform'],
  'docker pull': ['--quiet', '--platform'],
  'docker push': ['--all-tags', '--quiet'],
  'docker inspect': ['--format', '--size', '--type'],
  'docker run': ['--rm', '--publish', '--detach', '--name'],
  'docker compose build': ['--build-arg', '--no-cache', '--pull'],
  'docker compose up': ['--detach', '--no-deps', '--build', '--wait'],
  'docker compose logs': ['--follow', '--tail'],
  'docker compose exec': ['--no-TTY', '--user'],
  'az ad sp create-for-rbac': ['--name', '--role', '--scopes', '--years'],
  'az role assignment create': ['--assignee', '--role', '--scope'],
  'az acr token create': ['--registry', '--name', '--repository'],
  'az storage container create': ['--account-name', '--name'],
  'az storage container policy create': ['--account-name', '--container-name', '--name', '--permissions', '--expiry'],
  'az storage container generate-sas': ['--account-name', '--name', '--policy-name', '--output'],
};

test('docker and az are called with the flags that they have', () => {
  for (const { page, words } of of('docker', 'az')) {
    const text = words.join(' ').replace(/^docker compose( --profile \w+)+/, 'docker compose');
    const known = Object.keys(FLAGS).find((start) => text.startsWith(`${start} `));
    assert.ok(known, `${page}: ${text}`);
    // What `compose exec` runs is another program's.
    const own = known === 'docker compose exec' ? [] : flagsOf(text.split(' ').slice(known.split(' ').length));
    for (const flag of own) assert.ok(FLAGS[known]?.includes(flag), `${page}: ${text}: no flag ${flag}`);
  }
});

test('docker compose is asked for services and profiles that there are', () => {
  const { services } = readCompose();
  const profiles = Object.values(services).flatMap(({ profiles = [] }) => profiles);
  const composed = of('docker').filter(({ words }) => words[1] === 'compose');
  assert.ok(composed.length > 3);
  for (const { page, words } of composed) {
    words.forEach((word, i) => word === '--profile' && assert.ok(profiles.includes(words[i + 1] ?? ''), page));
    for (const name of servicesIn({ page, words })) assert.ok(Object.hasOwn(services, name), `${page}: ${name}`);
  }
});

function servicesIn({ words }: Invocation): string[] {
  const verb = words.findIndex((word) => ['up', 'logs', 'build', 'exec'].includes(word));
  const named = words.slice(verb + 1).filter((word) => !word.startsWith('-'));
  return words[verb] === 'exec' ? named.slice(0, 1) : named;
}
