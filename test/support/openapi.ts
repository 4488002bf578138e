import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import assert from 'node:assert/strict';

/** What `/swagger.json` says. Of version 3.1 the schemas are JSON Schema 2020-12. */
export interface Description {
  readonly swagger?: string;
  readonly openapi?: string;
  readonly paths: Record<string, unknown>;
  readonly definitions?: Record<string, Schema>;
  readonly components?: { readonly schemas: Record<string, Schema> };
}
export interface Schema {
  readonly example?: unknown;
  readonly properties?: Record<string, Schema>;
  readonly items?: Schema;
  readonly [word: string]: unknown;
}

export const schemasOf = ({ definitions, components }: Description): Record<string, Schema> =>
  definitions ?? components?.schemas ?? {};

/** A description that OpenAPI's own schema of that version takes. */
export async function validDescription(text: string): Promise<Description> {
  const description = JSON.parse(text) as Description;
  const { valid, errors } = await new Validator().validate(
    structuredClone(description) as unknown as Record<string, unknown>,
  );
  assert.ok(valid, JSON.stringify(errors));
  return description;
}

const compiled = new WeakMap<Description, Ajv2020>();

/** Whether a value is what a schema of a description of version 3.1 asks for: what is wrong, or nothing. */
export function misfits(description: Description, name: string, value: unknown): string {
  const ajv = compiled.get(description) ?? new Ajv2020({ strict: false, validateFormats: false });
  compiled.set(description, ajv);
  if (!ajv.getSchema('description')) ajv.addSchema({ $id: 'description', ...description });
  const id = `description#/components/schemas/${name}`;
  const check = ajv.getSchema(id) ?? assert.fail(`no schema ${id}`);
  return check(value) ? '' : ajv.errorsText(check.errors);
}
