import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ClientFile } from '../domain/client-file.ts';
import { CloudFile } from '../domain/cloud-file.ts';
import { SiteFile } from '../domain/site-file.ts';
import { TrainModelInput } from '../domain/train-model-input.ts';
import { TrainingFile } from '../domain/training-file.ts';
import { DoctorReport } from './doctor.ts';

/**
 * JSON Schemas for editors, from the schemas that decide: `node client/schemas.ts` writes `schemas/`, and with `--check`
 * says whether they are up to date (exit 1 when not).
 */
const SCHEMAS = {
  'training.schema.json': ['training.yml of edge-train', TrainingFile],
  'site.schema.json': ['site.yml of edge-train', SiteFile],
  'cloud.schema.json': ['cloud.yml of edge-train', CloudFile],
  'client.schema.json': ['client.yml of edge-train', ClientFile],
  'train-model-input.schema.json': ['Input of edge-train’s trainModel workflow', TrainModelInput],
  'doctor.schema.json': ['What edge-train doctor --json prints', DoctorReport],
} as const;

const FOLDER = join(import.meta.dirname, '..', 'schemas');

/** File name to content. */
export function editorSchemas(): Map<string, string> {
  return new Map(
    Object.entries(SCHEMAS).map(([file, [title, schema]]) => {
      const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', target: 'draft-7' });
      return [file, `${JSON.stringify({ $schema: json.$schema, title, ...json }, null, 2)}\n`];
    }),
  );
}

/** The files that are not as the domain has them. */
export function outdatedSchemas(folder = FOLDER): string[] {
  return [...editorSchemas()].filter(([file, content]) => read(join(folder, file)) !== content).map(([file]) => file);
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
    const outdated = outdatedSchemas();
    if (outdated.length > 0) console.error(`Not up to date: ${outdated.join(', ')}. Run: node client/schemas.ts`);
    process.exitCode = outdated.length > 0 ? 1 : 0;
  } else {
    for (const [file, content] of editorSchemas()) writeFileSync(join(FOLDER, file), content);
  }
}
