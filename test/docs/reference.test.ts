import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { outdatedPages, referencePages } from '../../client/docs.ts';
import { fieldsOf } from '../../client/docs/fields.ts';
import { ClientFile } from '../../domain/client-file.ts';
import { CloudFile } from '../../domain/cloud-file.ts';
import { SiteFile } from '../../domain/site-file.ts';
import { TrainingFile } from '../../domain/training-file.ts';
import { pages, ROOT } from './blocks.ts';

const FILES = { 'training.md': TrainingFile, 'site.md': SiteFile, 'cloud.md': CloudFile, 'client.md': ClientFile };

test('docs/reference is as the domain has it (node client/docs.ts writes it)', () => {
  assert.deepEqual(outdatedPages(), []);
});

test('every field of the four files is described', () => {
  for (const [page, schema] of Object.entries(FILES)) {
    assert.ok(schema.description, page);
    const silent = fieldsOf(schema).filter(({ description }) => description === '');
    assert.deepEqual(
      silent.map((field) => field.path),
      [],
      page,
    );
  }
});

test('each example is a valid file', () => {
  for (const [page, content] of referencePages()) {
    const example = /```yaml\n([\s\S]+)```/.exec(content)?.[1] ?? '';
    const parsed = FILES[page as keyof typeof FILES].safeParse(parseYaml(example));
    assert.ok(parsed.success, `${page}: ${parsed.error?.message}`);
  }
});

test('a field shows its path, its rule, its default and the choice that it belongs to', () => {
  const schema = z.strictObject({
    name: z.string().regex(/^a$/, 'a name is a').describe('Its name.'),
    wait: z.number().default(3).describe('How long.'),
    stores: z.record(z.string().regex(/^s$/, 's'), z.strictObject({ key: z.string().optional().describe('A key.') })),
    way: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('none').describe('Which.') }),
      z.strictObject({ kind: z.literal('one'), to: z.string().describe('Where.') }),
    ]),
    sizes: z.array(z.enum(['small', 'large'])).describe('Sizes.'),
  });
  assert.deepEqual(
    fieldsOf(schema).map((field) => Object.values(field).join(' / ')),
    [
      'name / a name is a / required / Its name.',
      'wait / a number / `3` / How long.',
      'stores / a map; s / required / ',
      'stores.NAME.key / text /  / A key.',
      'way /  / required / ',
      'way.kind / `none`, `one` / required / Which.',
      'way.to / text / required / Where. Only where `kind` is `one`.',
      'sizes / a list of: `small`, `large` / required / Sizes.',
    ],
  );
});

test('links in the pages lead somewhere', () => {
  for (const page of pages()) {
    const content = readFileSync(path.join(ROOT, page), 'utf8').replace(/```[\s\S]*?```/g, '');
    for (const [, target = '', anchor] of content.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)) {
      const file = path.join(ROOT, path.dirname(page), target || path.basename(page));
      assert.ok(existsSync(file), `${page}: ${target}`);
      if (anchor) assert.ok(anchors(readFileSync(file, 'utf8')).includes(anchor), `${page}: ${target}#${anchor}`);
    }
  }
});

/** As GitHub makes them of headings. */
const anchors = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
