import { z } from 'zod';

/** Rows that nobody recorded: what a model's signature asks for, and nothing of any data. */
export interface MadeUpRows {
  /** As Azure ML's MLflow deployments take it. */
  readonly body: { readonly input_data: unknown };
  readonly rows: number;
  /** A model may know the words that it was trained with only, and made-up ones are none of them. */
  readonly hasText: boolean;
}

const ROWS = 2;

const Tensor = z.object({
  type: z.literal('tensor'),
  name: z.string().optional(),
  'tensor-spec': z.object({ dtype: z.string(), shape: z.array(z.int()) }),
});
const Column = z.looseObject({ type: z.string(), name: z.string().optional() });

/** `inputs` of an MLflow signature, parsed from its JSON; undefined where no rows can be made up for it. */
export function madeUpRows(inputs: unknown): MadeUpRows | undefined {
  const tensors = z.array(Tensor).min(1).safeParse(inputs);
  if (tensors.success) return ofTensors(tensors.data);
  const columns = z.array(Column).min(1).safeParse(inputs);
  if (!columns.success) return undefined;
  const values = columns.data.map((column) => valueOf(column));
  if (values.includes(undefined)) return undefined;
  const data = Array.from({ length: ROWS }, () => values);
  const names = columns.data.flatMap(({ name }) => (name === undefined ? [] : [name]));
  const input_data = names.length === columns.data.length ? { columns: names, data } : data;
  return { body: { input_data }, rows: ROWS, hasText: JSON.stringify(columns.data).includes('"type":"string"') };
}

function ofTensors(tensors: readonly z.infer<typeof Tensor>[]): MadeUpRows | undefined {
  const made = tensors.map(({ name, 'tensor-spec': { dtype, shape } }) => ({ name, value: tensor(dtype, shape) }));
  const [first] = made;
  const isKnown = tensors.every(({ 'tensor-spec': { dtype } }) => valueOfType(dtype) !== undefined);
  if (!first || !isKnown || made.some(({ value }) => !Array.isArray(value))) return undefined;
  const hasText = tensors.some(({ 'tensor-spec': { dtype } }) => valueOfType(dtype) === 'a');
  const rows = (first.value as unknown[]).length;
  if (first.name === undefined) return { body: { input_data: first.value }, rows, hasText };
  return { body: { input_data: Object.fromEntries(made.map(({ name, value }) => [name, value])) }, rows, hasText };
}

/** -1 is any size: as many rows as are made up, and 1 in the others' places. */
function tensor(dtype: string, [size, ...inner]: readonly number[], isFirst = true): unknown {
  if (size === undefined) return valueOfType(dtype);
  const length = size > 0 ? size : isFirst ? ROWS : 1;
  return Array.from({ length }, () => tensor(dtype, inner, false));
}

/** Nested types are MLflow 2.10's: https://mlflow.org/docs/latest/ml/model/signatures, "Supported data types". */
function valueOf(column: Readonly<Record<string, unknown>>): unknown {
  const inner = (given: unknown) => valueOf((given ?? {}) as Record<string, unknown>);
  switch (column['type']) {
    case 'array':
      return listed(inner(column['items']));
    case 'map': {
      const value = inner(column['values']);
      return value === undefined ? undefined : { a: value };
    }
    case 'object': {
      const members = Object.entries((column['properties'] ?? {}) as object).map(([key, each]) => [key, inner(each)]);
      return members.some(([, value]) => value === undefined) ? undefined : Object.fromEntries(members);
    }
    default:
      return valueOfType(String(column['type']));
  }
}

const listed = (value: unknown): unknown => (value === undefined ? undefined : [value]);

/** Of MLflow's column types and of numpy's. */
function valueOfType(type: string): unknown {
  if (/^(double|float)/.test(type)) return 0.5;
  if (/^(long|integer|u?int)/.test(type)) return 1;
  if (/^bool/.test(type)) return true;
  if (/^(string|str|object)$/.test(type)) return 'a';
  if (/^datetime/.test(type)) return '2020-01-01T00:00:00';
  return type === 'binary' ? 'YQ==' : undefined;
}
