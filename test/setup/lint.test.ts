import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ESLint } from 'eslint';
import { importTable } from '../../setup/lint/import-table.mjs';

/** One planted file: where it stands, what it says, and the rule that must refuse it (none: it must be accepted). */
interface Planted {
  row: string;
  file: string;
  text: string;
  refusedBy?: string;
}

const table = 'edge-train/import-table';
const root = path.resolve(import.meta.dirname, '../..');
const planted: Planted[] = [];
let home: string;
const verdicts = new Map<string, string[]>();

/** Plants a file with one import in a row's place. */
function plant(row: string, text: string, refusedBy?: string): void {
  const name = `planted-${planted.length}.ts`;
  const file = row === 'activities/contract' ? `activities/contract/${name}` : `${row}/${name}`;
  planted.push({ row, file, text, refusedBy });
}

const refuse = (row: string, ...texts: string[]): void => texts.forEach((text) => plant(row, text, table));
const accept = (row: string, ...texts: string[]): void => texts.forEach((text) => plant(row, text));

const rooms = ['domain', 'services', 'activities', 'workflows', 'workers', 'client', 'sandbox', 'setup'];
const outside = ['test', 'bench', 'examples', 'docs'];
/** Rooms that a row may import values from, spelt out once more by hand from the design, not read from the table. */
const allowedRooms: Record<string, string[]> = {
  domain: ['domain'],
  services: ['services', 'domain'],
  activities: ['activities', 'services', 'domain'],
  'activities/contract': ['domain'],
  workflows: ['workflows', 'domain'],
  workers: ['workers', 'domain', 'services', 'activities', 'workflows', 'setup'],
  client: ['client', 'domain'],
  'client/image': ['client', 'domain', 'services'],
  'client/sandbox': ['client', 'domain', 'services'],
  'client/demo': ['client', 'domain', 'services'],
  sandbox: ['sandbox'],
  setup: ['setup'],
};
for (const [row, allowed] of Object.entries(allowedRooms)) {
  const up = '../'.repeat(row.split('/').length);
  for (const room of [...rooms, ...outside]) {
    const text = `import { x } from '${up}${room}/file.ts';\nconsole.log(x);`;
    if (allowed.includes(room)) accept(row, text);
    else refuse(row, text);
  }
}

const noNode = ['domain', 'workflows', 'activities/contract'];
for (const row of Object.keys(allowedRooms)) {
  const texts = ["import fs from 'node:fs';\nconsole.log(fs);", "import 'fs/promises';"];
  if (noNode.includes(row)) refuse(row, ...texts);
  else accept(row, ...texts);
}

refuse('domain', "import 'yaml';", "import type { Client } from '@temporalio/client';\nexport type C = Client;");
refuse('domain', "export * from '@azure/identity';", "export { x } from '../services/file.ts';");
refuse('domain', "export type T = import('node:fs').Stats;", "export const load = () => import('node:fs');");
refuse('domain', 'export const load = (name: string) => import(name);', "export const x = require('fs');");
refuse('domain', "export * from '/etc/passwd';", "export * from 'data:text/javascript,1';", "export * from '#inner';");
refuse('domain', "export const fs = process.getBuiltinModule('fs');");
accept('domain', "import { z } from 'zod';\nexport const s = z.string();", "export { x } from './file.ts';");

refuse(
  'services',
  "import '@temporalio/common';",
  "import type { Context } from '@temporalio/activity';\nexport type C = Context;",
);
accept('services', "import '@azure/identity';", "import 'ssh2';");

refuse(
  'activities',
  "import '@temporalio/workflow';",
  "import '@temporalio/worker';",
  "import '@azure/identity';",
  "import 'ssh2';",
);
accept('activities', "import '@temporalio/activity';", "import '@temporalio/client';");

refuse(
  'activities/contract',
  "import '@temporalio/activity';",
  "import 'zod';",
  "import type { X } from '../cloud/file.ts';\nexport type Y = X;",
);
accept('activities/contract', "import type { X } from '../../domain/file.ts';\nexport type Y = X;");

refuse('workflows', "import { x } from '../activities/contract.ts';\nconsole.log(x);");
refuse('workflows', "import { type X } from '../activities/contract.ts';\nexport type Y = X;");
refuse('workflows', "import type { X } from '../activities/cloud/file.ts';\nexport type Y = X;");
refuse(
  'workflows',
  "import '@temporalio/activity';",
  "import '@temporalio/client';",
  "import '@temporalio/worker';",
  "import 'zod';",
);
accept('workflows', "import type { X } from '../activities/contract.ts';\nexport type Y = X;");
accept('workflows', "import '@temporalio/workflow';", "import '@temporalio/common';");

refuse(
  'workers',
  "import type { X } from '../client/file.ts';\nexport type Y = X;",
  "export const load = () => import('../sandbox/file.ts');",
);
accept('workers', "import '@temporalio/worker';", "import 'esbuild';");

refuse(
  'client',
  "import { x } from '../workflows/file.ts';\nconsole.log(x);",
  "import type { X } from '../activities/contract.ts';\nexport type Y = X;",
);
refuse(
  'client',
  "import '@temporalio/worker';",
  "import '@temporalio/activity';",
  "import '@azure/storage-blob';",
  "import '../services/ssh.ts';",
);
accept(
  'client',
  "import type { X } from '../workflows/file.ts';\nexport type Y = X;",
  "import '@temporalio/client';",
  "import 'commander';",
);
accept(
  'client',
  "import '../services/signing.ts';",
  "import '../services/blob-storage.ts';",
  "import '../services/blob-range.ts';",
  "import '../services/signing/verify.ts';",
);
refuse('client', "import '../services/signing-things.ts';");
accept('client', "import '../services/secrets.ts';");

refuse('sandbox', "import type { X } from '../domain/file.ts';\nexport type Y = X;");
accept('sandbox', "import '@peculiar/x509';", "import 'azurite';");

refuse('setup', "import 'yaml';", "import type { z } from 'zod';\nexport type Z = z.ZodType;");
accept('setup', "import './file.ts';", "import 'node:child_process';");

/** The other rules that design and house depend on; each must be able to fail. */
plant('domain', 'export {};\n'.repeat(251), 'max-lines');
plant('test', "import { test } from 'node:test';\ntest.only('x', () => {});", 'no-restricted-syntax');
plant('test', "import { test } from 'node:test';\ntest('x', { skip: true }, () => {});", 'no-restricted-syntax');
plant('services', 'const f = async () => 1;\nf();', '@typescript-eslint/no-floating-promises');
plant('services', 'const f = async () => true;\nif (f()) console.log(1);', '@typescript-eslint/no-misused-promises');
for (const room of ['services', 'test']) plant(room, "import 'debug';", table);
plant('services', '// eslint-disable-next-line no-debugger\nexport const x = 1;', 'null');
plant('test', "import { test } from 'node:test';\ntest('x', async () => {});");
for (const room of ['test', 'bench'])
  plant(room, "import '../client/file.ts';\nimport '../sandbox/file.ts';\nimport '@temporalio/worker';");

before(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'edge-train-lint-'));
  for (const name of ['eslint.config.js', 'tsconfig.json', 'package.json', 'setup/lint']) {
    await cp(path.join(root, name), path.join(home, name), { recursive: true });
  }
  await symlink(path.join(root, 'node_modules'), path.join(home, 'node_modules'));
  for (const { file, text } of planted) {
    await mkdir(path.dirname(path.join(home, file)), { recursive: true });
    await writeFile(path.join(home, file), text);
  }
  const results = await new ESLint({ cwd: home }).lintFiles(['.']);
  for (const { filePath, messages } of results) {
    verdicts.set(
      path.relative(home, filePath),
      messages.map((message) => String(message.ruleId)),
    );
  }
});

after(() => rm(home, { recursive: true, force: true }));

test('every row of the import table has planted imports, accepted and refused', () => {
  const rows = Object.keys(importTable);
  assert.deepEqual(Object.keys(allowedRooms).sort(), rows.sort());
  for (const row of rows) {
    assert.ok(
      planted.some((file) => file.row === row && file.refusedBy === table),
      `${row}: nothing refused`,
    );
    assert.ok(
      planted.some((file) => file.row === row && !file.refusedBy),
      `${row}: nothing accepted`,
    );
  }
});

for (const { file, text, refusedBy } of planted) {
  const shown = text.length > 100 ? `${text.length} characters` : JSON.stringify(text);
  test(`${path.dirname(file)}/ ${refusedBy ? `refuses (${refusedBy})` : 'accepts'} ${shown}`, () => {
    const found = verdicts.get(file);
    assert.ok(found, `${file} was not linted`);
    if (refusedBy) assert.ok(found.includes(refusedBy), `only ${JSON.stringify(found)} complained`);
    else assert.deepEqual(found, []);
  });
}
