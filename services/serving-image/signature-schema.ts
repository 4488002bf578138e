import { z } from 'zod';

/** A schema in one of the three dialects that a service's description has. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** In what OpenAPI 2, 3.0 and 3.1 say differently. */
export interface Dialect {
  readonly ref: (definition: string) => JsonSchema;
  /** The kinds of a list's values in their order, which only 3.1 can say. */
  readonly inOrder: (schemas: readonly JsonSchema[]) => JsonSchema;
  readonly orNull: (schema: JsonSchema) => JsonSchema;
  /** OpenAPI 2 has no such word: there anything will do. */
  readonly anyOf: (schemas: readonly JsonSchema[]) => JsonSchema;
}

const Tensor = z.object({
  type: z.literal('tensor'),
  name: z.string().optional(),
  'tensor-spec': z.object({ dtype: z.string(), shape: z.array(z.int()) }),
});
const Column = z.looseObject({ type: z.string(), name: z.string().optional(), required: z.boolean().optional() });
const Parameter = z.object({
  name: z.string(),
  type: z.string(),
  default: z.unknown(),
  shape: z.array(z.int()).nullish(),
});

export type Tensor = z.infer<typeof Tensor>;
export type Column = z.infer<typeof Column>;
export type Parameter = z.infer<typeof Parameter>;

/** What a model takes or answers, of which nothing is known where its signature says nothing that is known here. */
export type Values =
  | { readonly kind: 'columns'; readonly columns: readonly Column[]; readonly areNamed: boolean }
  | { readonly kind: 'tensors'; readonly tensors: readonly Tensor[]; readonly areNamed: boolean }
  | { readonly kind: 'unknown' };

/** `inputs` or `outputs` of an MLflow signature, parsed from its JSON. */
export function toValues(stated: unknown): Values {
  const isNamed = ({ name }: { readonly name?: string | undefined }) => name !== undefined;
  const tensors = z.array(Tensor).min(1).safeParse(stated).data;
  if (tensors) return { kind: 'tensors', tensors, areNamed: tensors.every(isNamed) };
  const columns = z.array(Column).min(1).safeParse(stated).data;
  return columns ? { kind: 'columns', columns, areNamed: columns.every(isNamed) } : { kind: 'unknown' };
}

/** `params` of an MLflow signature, parsed from its JSON. */
export const toParameters = (stated: unknown): readonly Parameter[] => z.array(Parameter).safeParse(stated).data ?? [];

/**
 * One value of a column. What is missing is null: in numbers and texts, and wherever a column may be missing altogether,
 * but in whole numbers, of which pandas has none that is missing.
 */
export function columnSchema(column: Column, dialect: Dialect): JsonSchema {
  const schema = typeSchema(column, dialect);
  if (['long', 'integer'].includes(column.type)) return schema;
  const isNullable = ['double', 'float', 'string'].includes(column.type);
  return isNullable ? dialect.orNull(schema) : orMissing(column, schema, dialect);
}

/** A record: one value by column. */
export function recordSchema(
  columns: readonly Column[],
  dialect: Dialect,
): JsonSchema & { properties: Readonly<Record<string, JsonSchema>> } {
  const named = columns.map((column): [string, JsonSchema] => [column.name ?? '', columnSchema(column, dialect)]);
  const required = columns.filter((column) => column.required !== false).map(({ name }) => name ?? '');
  return { type: 'object', properties: Object.fromEntries(named), ...(required.length > 0 ? { required } : {}) };
}

/** Lists in lists, -1 being any length but 0. `isAnswer`: NaN, which JSON has not, is null there. */
export function tensorSchema({ 'tensor-spec': spec }: Tensor, dialect: Dialect, isAnswer = false): JsonSchema {
  const { type, format } = scalarOf(spec.dtype);
  const value = type === undefined ? {} : { type, ...(format === undefined ? {} : { format }) };
  const inner: JsonSchema = isAnswer && type === 'number' ? dialect.orNull(value) : value;
  return spec.shape.reduceRight(
    (items, length): JsonSchema => ({
      type: 'array',
      ...(length > 0 ? { minItems: length, maxItems: length } : isAnswer ? {} : { minItems: 1 }),
      items,
    }),
    inner,
  );
}

/** The object of a model's parameters; each has a default, so none is required. */
export function parametersSchema(parameters: readonly Parameter[], dialect: Dialect): JsonSchema {
  const properties = parameters.map((parameter): [string, JsonSchema] => {
    const value = parameter.shape
      ? { type: 'array', items: typeSchema(parameter, dialect) }
      : typeSchema(parameter, dialect);
    return [
      parameter.name,
      parameter.default === null ? dialect.orNull(value) : { ...value, default: parameter.default },
    ];
  });
  return { type: 'object', properties: Object.fromEntries(properties), additionalProperties: false };
}

/** Nested types are MLflow 2.10's: https://mlflow.org/docs/latest/ml/model/signatures, "Supported data types". */
function typeSchema(column: Readonly<Record<string, unknown>>, dialect: Dialect): JsonSchema {
  const inner = (given: unknown): JsonSchema => {
    const stated = (given ?? {}) as Record<string, unknown>;
    return orMissing(stated, typeSchema(stated, dialect), dialect);
  };
  switch (column['type']) {
    case 'array':
      return { type: 'array', items: inner(column['items']) };
    case 'map':
      return { type: 'object', additionalProperties: inner(column['values']) };
    case 'object': {
      const members = Object.entries((column['properties'] ?? {}) as Record<string, { readonly required?: boolean }>);
      const required = members.filter(([, member]) => member.required !== false).map(([name]) => name);
      const properties = Object.fromEntries(members.map(([name, member]) => [name, inner(member)]));
      return { type: 'object', properties, ...(required.length > 0 ? { required } : {}) };
    }
    default: {
      const { type, format } = scalarOf(String(column['type']));
      return type === undefined ? {} : { type, ...(format === undefined ? {} : { format }) };
    }
  }
}

const orMissing = (column: { readonly required?: unknown }, schema: JsonSchema, { orNull }: Dialect): JsonSchema =>
  column.required === false ? orNull(schema) : schema;

/** Of MLflow's column types and of numpy's; formats are those that OpenAPI knows. */
function scalarOf(type: string): { readonly type?: string; readonly format?: string } {
  if (/^(float|float32)$/.test(type)) return { type: 'number', format: 'float' };
  if (/^(double|float)/.test(type)) return { type: 'number', format: 'double' };
  if (/^(long|int64)$/.test(type)) return { type: 'integer', format: 'int64' };
  if (/^(integer|int32)$/.test(type)) return { type: 'integer', format: 'int32' };
  if (/^u?int/.test(type)) return { type: 'integer' };
  if (/^bool/.test(type)) return { type: 'boolean' };
  return /^(string|str|datetime|binary)/.test(type) ? { type: 'string' } : {};
}
