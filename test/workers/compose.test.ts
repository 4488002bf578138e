import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { SEARCH_ATTRIBUTE } from '../../domain/search-attributes.ts';
import { readCloudFile } from '../../services/cloud-file.ts';
import { readSiteFile } from '../../services/site-file.ts';
import { readConfig } from '../../workers/config.ts';
import { mounts, readCompose, ROOT, service } from './compose.ts';

const { services, volumes, secrets } = readCompose();
const each = Object.entries(services);
const NOWHERE = { HOME: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent' };

test('every image is pinned to one version, and what belongs together has one', () => {
  for (const [name, { image }] of each) assert.match(image, /^[a-z0-9./-]+:\d+\.\d+(\.\d+)?(-[a-z]+)?$/, name);
  const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { version: string };
  for (const worker of ['worker-cloud', 'worker-site'])
    assert.equal(service(worker).image, `edge-train-worker:${version}`);
  const tag = (name: string) => service(name).image.split(':')[1];
  assert.equal(tag('temporal-schema'), tag('temporal'));
  assert.equal(tag('temporal-namespace'), tag('temporal'));
  // The server that the tests run on, so that what they show holds here.
  const tested = readFileSync(path.join(ROOT, 'setup/temporal.mjs'), 'utf8');
  assert.match(tested, new RegExp(`server ${tag('temporal')?.replace(/\.\d+$/, '')}\\b`));
});

test('the Dockerfile brings the Node and the uv that set-up brings', () => {
  const dockerfile = readFileSync(path.join(ROOT, 'Dockerfile'), 'utf8');
  const version = (file: string) =>
    /^const version = '(.+)';$/m.exec(readFileSync(path.join(ROOT, 'setup', file), 'utf8'))?.[1];
  assert.match(dockerfile, new RegExp(`^ARG BASE=.*/node:${version('node.mjs')}-bookworm-slim$`, 'm'));
  assert.match(dockerfile, new RegExp(`^ARG UV=.*/uv:${version('uv.mjs')}$`, 'm'));
});

test('.dockerignore names every folder of the image’s rooms', () => {
  const ignored = readFileSync(path.join(ROOT, '.dockerignore'), 'utf8');
  const dockerfile = readFileSync(path.join(ROOT, 'Dockerfile'), 'utf8');
  const rooms = [...dockerfile.matchAll(/^COPY (\w+) \1\/$/gm)].map(([, room = '']) => room);
  const files = rooms.flatMap((room) =>
    readdirSync(path.join(ROOT, room), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.endsWith('__pycache__'))
      .map(({ parentPath, name }) => `!${path.relative(ROOT, parentPath)}/*${path.extname(name)}`),
  );
  const named = ignored.split('\n').filter((line) => line.includes('/*'));
  assert.deepEqual([...new Set(files)].sort(), named.sort());
});

test('ports are bound to loopback', () => {
  const ports = each.flatMap(([, { ports = [] }]) => ports);
  assert.equal(ports.length, 2);
  for (const port of ports) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/);
});

test('what a service names is there: services, volumes, secrets, files', () => {
  const used = { volumes: new Set<string>(), secrets: new Set<string>() };
  for (const [name, given] of each) {
    for (const [other, { condition }] of Object.entries(given.depends_on ?? {})) {
      assert.ok(services[other], `${name} depends on ${other}`);
      const runs = services[other].healthcheck ? 'service_healthy' : 'service_completed_successfully';
      assert.equal(condition, runs, `${name} depends on ${other}`);
    }
    for (const { source, target, bind, mode } of mounts(given)) {
      assert.ok(target.startsWith('/'), `${name}: ${target}`);
      if (!bind) used.volumes.add(source);
      else
        assert.ok(existsSync(path.join(ROOT, source)) && mode === 'ro', `${name}: ${source} is there, and read-only`);
    }
    for (const secret of given.secrets ?? []) used.secrets.add(secret);
  }
  assert.deepEqual([...used.volumes].sort(), Object.keys(volumes).sort());
  assert.deepEqual([...used.secrets].sort(), Object.keys(secrets).sort());
  for (const [name, { file }] of Object.entries(secrets)) assert.equal(file, `./compose/secrets/${name}`);
});

/** What the images read: of the server's embedded configuration template, of the UI's, of PostgreSQL's entrypoint. */
const VARIABLES: Record<string, string[]> = {
  postgres: ['POSTGRES_USER', 'POSTGRES_PASSWORD_FILE'],
  'temporalio/server': [
    ...['DB', 'DB_PORT', 'POSTGRES_SEEDS', 'POSTGRES_USER', 'POSTGRES_PWD', 'BIND_ON_IP'],
    ...['NUM_HISTORY_SHARDS', 'DYNAMIC_CONFIG_FILE_PATH', 'TEMPORAL_TLS_FRONTEND_CERT', 'TEMPORAL_TLS_FRONTEND_KEY'],
    ...[
      'TEMPORAL_AUTH_AUTHORIZER',
      'TEMPORAL_AUTH_CLAIM_MAPPER',
      'TEMPORAL_JWT_KEY_SOURCE1',
      'TEMPORAL_JWT_KEY_REFRESH',
      'USE_INTERNAL_FRONTEND',
      'TEMPORAL_TLS_REQUIRE_CLIENT_AUTH',
    ],
  ],
  'temporalio/admin-tools': ['SQL_PASSWORD', 'TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE'],
  'temporalio/ui': [
    ...['TEMPORAL_ADDRESS', 'TEMPORAL_DEFAULT_NAMESPACE', 'TEMPORAL_CORS_ORIGINS', 'TEMPORAL_CSRF_COOKIE_INSECURE'],
    ...['TEMPORAL_CODEC_ENDPOINT', 'TEMPORAL_CODEC_INCLUDE_CREDENTIALS'],
  ],
};
/** Variables that our own scripts read. */
const OURS = ['SQL_PASSWORD_FILE', 'RETENTION'];

test('the variables are those that the images read, and none holds a secret', () => {
  for (const [name, { image, environment = {} }] of each) {
    const known = [...(VARIABLES[image.split(':')[0] ?? ''] ?? []), ...OURS];
    for (const variable of Object.keys(environment)) assert.ok(known.includes(variable), `${name}: ${variable}`);
    for (const [variable, value] of Object.entries(environment)) {
      assert.equal(typeof value, 'string', `${name}: ${variable}`);
      if (/PASSWORD|PWD|SECRET|KEY/.test(variable)) assert.match(value, /^\/run\/secrets\//, `${name}: ${variable}`);
    }
  }
  const text = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');
  const told = [text('docker-compose.yml').split('\nname:')[0] ?? '', text('docs/operations.md')].join('\n');
  for (const [variable] of told.matchAll(/(TEMPORAL_|USE_)[A-Z0-9_]+/g))
    assert.ok(
      ['temporalio/server', 'temporalio/ui'].some((image) => VARIABLES[image]?.includes(variable)),
      variable,
    );
  assert.deepEqual(
    service('temporal')
      .entrypoint?.at(-1)
      ?.match(/POSTGRES_PWD=\$\$\(cat (\S+)\)/)?.[1],
    '/run/secrets/postgres-password',
  );
});

test('the workers take what they are given, and each file is valid', async () => {
  for (const role of ['cloud', 'site'] as const) {
    const worker = service(`worker-${role}`);
    const config = readConfig([...IMAGE_ARGUMENTS, ...(worker.command ?? [])], NOWHERE);
    assert.deepEqual(config.roles, [role]);
    const mounted = mounts(worker).find(({ target }) => target === path.dirname(config.siteFile));
    const cache = mounts(worker).find(({ target }) => target === config.cache);
    assert.ok(mounted?.bind && cache && !cache.bind && cache.mode === 'rw');

    const folder = path.join(ROOT, mounted.source);
    const read = readConfig(['--role', role, '--config', folder], NOWHERE);
    assert.equal(read.temporal.options.address, '127.0.0.1:7233', 'on the loopback that it shares with the server');
    assert.equal(worker.network_mode, 'service:temporal');
    assert.equal(read.temporal.namespace, service('temporal-namespace').environment?.['TEMPORAL_NAMESPACE']);
    const file = role === 'cloud' ? read.cloudFile : read.siteFile;
    await (role === 'cloud' ? readCloudFile(file) : readSiteFile(file));
    const named = [...readFileSync(file, 'utf8').matchAll(/file:\/run\/secrets\/([\w-]+)/g)].map((match) => match[1]);
    assert.deepEqual(named.sort(), [...(worker.secrets ?? [])].sort(), `${role}: as many secrets as its file names`);
  }
  const both = new Set([...(service('worker-cloud').secrets ?? []), ...(service('worker-site').secrets ?? [])]);
  assert.equal(both.size, 6, 'no worker has a secret of the other');
});

/** What the Dockerfile's ENTRYPOINT gives besides. */
const IMAGE_ARGUMENTS = (
  JSON.parse(/^ENTRYPOINT (.+)$/m.exec(readFileSync(path.join(ROOT, 'Dockerfile'), 'utf8'))?.[1] ?? '[]') as string[]
).slice(2);

test('the namespace gets the search attributes that the workflows set', () => {
  const script = readFileSync(path.join(ROOT, 'compose/namespace.sh'), 'utf8');
  const named = /^for name in (.+); do$/m.exec(script)?.[1]?.split(' ');
  assert.deepEqual(named, Object.values(SEARCH_ATTRIBUTE));
});
