import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { z } from 'zod';
import { ClientFile } from '../domain/client-file.ts';
import { CloudFile } from '../domain/cloud-file.ts';
import { SiteFile } from '../domain/site-file.ts';
import { TrainingFile } from '../domain/training-file.ts';
import { fieldsOf, type Field } from './docs/fields.ts';

/**
 * The reference of the four files, from the schemas that decide: `node client/docs.ts` writes `docs/reference/`, and with
 * `--check` says whether it is up to date (exit 1 when not). The words are the schemas' own `.describe()`.
 */
const PAGES: Readonly<Record<string, { schema: z.ZodType; name: string; example: string }>> = {
  'training.md': { schema: TrainingFile, name: 'training.yml', example: 'examples/breast-cancer/training.yml' },
  'site.md': { schema: SiteFile, name: 'site.yml', example: 'compose/site/site.yml' },
  'cloud.md': { schema: CloudFile, name: 'cloud.yml', example: 'compose/cloud/cloud.yml' },
  'client.md': { schema: ClientFile, name: 'client.yml', example: 'compose/client/client.yml' },
};

const ROOT = join(import.meta.dirname, '..');
const FOLDER = join(ROOT, 'docs', 'reference');

/** File name to content. */
export function referencePages(): Map<string, string> {
  return new Map(
    Object.entries(PAGES).map(([file, { schema, name, example }]) => [
      file,
      [
        `<!-- Made from the schema by \`node client/docs.ts\`: change domain/, not this page. -->\n# \`${name}\`\n`,
        `${schema.description ?? ''}\n`,
        `An unknown key is refused, with a suggestion. An editor knows the fields when the first line is`,
        `\`# yaml-language-server: $schema=PATH/schemas/${name.replace('.yml', '.schema.json')}\`.\n`,
        '| field | value | default | what it is |\n|---|---|---|---|',
        ...fieldsOf(schema).map(row),
        `\n## An example: [${example}](../../${example})\n`,
        `\`\`\`yaml\n${readFileSync(join(ROOT, example), 'utf8').trimEnd()}\n\`\`\`\n`,
      ].join('\n'),
    ]),
  );
}

function row({ path, value, fallback, description }: Field): string {
  const cell = (text: string) => text.replaceAll('|', '\\|');
  return `| \`${path}\` | ${cell(value)} | ${cell(fallback)} | ${cell(description)} |`;
}

/** The pages that are not as the domain has them. */
export function outdatedPages(folder = FOLDER): string[] {
  return [...referencePages()].filter(([file, content]) => read(join(folder, file)) !== content).map(([file]) => file);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    const outdated = outdatedPages();
    if (outdated.length > 0) console.error(`Not up to date: ${outdated.join(', ')}. Run: node client/docs.ts`);
    process.exitCode = outdated.length > 0 ? 1 : 0;
  } else {
    for (const [file, content] of referencePages()) {
      mkdirSync(dirname(join(FOLDER, file)), { recursive: true });
      writeFileSync(join(FOLDER, file), content);
    }
  }
}
