import { madeUpRows } from '../../domain/model-signature.ts';
import type { StatedSignature } from './mlflow-model.ts';
import {
  columnSchema,
  type Column,
  parametersSchema,
  recordSchema,
  tensorSchema,
  toParameters,
  toValues,
  type Dialect,
  type JsonSchema,
  type Values,
} from './signature-schema.ts';

/** The bodies that scoring_input.py takes, and what score.py answers, by the model's signature. */
export interface BodySchemas {
  /** A body in the one form that the example has: `input_data`, as records where columns have names. */
  readonly plainest: JsonSchema;
  /** Bodies in each form; they refer to the definitions by name. */
  readonly all: readonly JsonSchema[];
  readonly definitions: Definitions;
  /** A body that is taken; undefined where the signature does not say enough to make one up. */
  readonly example: unknown;
  /** As Azure ML answers `input_data` and the bare list, and as MLflow answers its own forms. */
  readonly answers: { readonly bare: JsonSchema; readonly predictions: JsonSchema };
}

type Definitions = Readonly<Record<string, JsonSchema>>;

export function bodySchemas(signature: StatedSignature, dialect: Dialect): BodySchemas {
  const parameters = toParameters(signature.params);
  const params: Definitions = parameters.length > 0 ? { params: parametersSchema(parameters, dialect) } : {};
  const { definitions, plainest, forms } = dataOf(toValues(signature.inputs), dialect);
  const body = (form: string, data: JsonSchema) => (form === '' ? data : object({ [form]: data, ...params }, [form]));
  const bare = answerSchema(toValues(signature.outputs), dialect);
  return {
    plainest: body('input_data', plainest),
    all: Object.entries(forms).map(([form, data]) => body(form, data)),
    definitions,
    example: example(signature),
    answers: { bare, predictions: object({ predictions: bare }, ['predictions']) },
  };
}

/** `forms`: what may stand for the data, by the word before it; `''`: as the whole body. */
interface Data {
  readonly definitions: Definitions;
  readonly plainest: JsonSchema;
  readonly forms: Definitions;
}

function dataOf(values: Values, dialect: Dialect): Data {
  if (values.kind === 'tensors') return tensorData(values, dialect);
  const columns = values.kind === 'columns' ? values.columns : [];
  const schemas = columns.map((column) => columnSchema(column, dialect));
  const row = {
    type: 'array',
    ...(columns.length > 0 ? { ...sized(columns.length), ...dialect.inOrder(schemas) } : { items: {} }),
  };
  if (values.kind === 'columns' && values.areNamed) return namedData(columns, row, dialect);
  const [Records, Rows] = [list({ type: 'object' }), list(row)];
  const Lists = { type: 'object', additionalProperties: list({}) };
  const forms = frameForms(dialect);
  return { definitions: { Records, Rows, Lists, Split: SPLIT }, plainest: columns.length > 0 ? Rows : {}, forms };
}

function namedData(columns: readonly Column[], row: JsonSchema, dialect: Dialect): Data {
  const record = recordSchema(columns, dialect);
  const lists = Object.entries(record.properties).map(([name, schema]): [string, JsonSchema] => [name, list(schema)]);
  const order = `in this order: ${columns.map(({ name }) => name).join(', ')}.`;
  const definitions = {
    Records: list(record),
    Rows: list({ ...row, description: `Values ${order}` }),
    Lists: { ...record, properties: Object.fromEntries(lists) },
    Split: { ...SPLIT, description: `As pandas splits a frame; without columns, a row has its values ${order}` },
  };
  return { definitions, plainest: definitions.Records, forms: frameForms(dialect) };
}

function frameForms({ anyOf, ref }: Dialect): Definitions {
  const [records, rows] = [ref('Records'), ref('Rows')];
  return {
    input_data: anyOf([records, rows, ref('Split')]),
    dataframe_records: records,
    dataframe_split: ref('Split'),
    instances: anyOf([records, rows]),
    inputs: anyOf([records, rows, ref('Lists')]),
    '': anyOf([records, rows]),
  };
}

const SPLIT = object(
  {
    columns: { type: 'array', items: { type: 'string' } },
    index: { type: 'array', items: {} },
    data: list({ type: 'array', items: {} }),
  },
  ['data'],
);

/** A single tensor may stand without its name. */
function tensorData({ tensors, areNamed }: Values & { kind: 'tensors' }, dialect: Dialect): Data {
  const schemas = tensors.map((tensor): [string, JsonSchema] => [tensor.name ?? '', tensorSchema(tensor, dialect)]);
  const alone = schemas.length === 1 || !areNamed ? schemas[0]?.[1] : undefined;
  const named = areNamed
    ? object(
        Object.fromEntries(schemas),
        schemas.map(([name]) => name),
      )
    : undefined;
  const definitions = { ...(alone ? { Tensor: alone } : {}), ...(named ? { Tensors: named } : {}) };
  const data = dialect.anyOf(Object.keys(definitions).map(dialect.ref));
  const forms = { input_data: data, instances: data, inputs: data, ...(alone ? { '': dialect.ref('Tensor') } : {}) };
  return { definitions, plainest: named ?? alone ?? {}, forms };
}

/** What MLflow's models answer for such outputs: a list by row, or tensors by name. Nothing enforces it. */
function answerSchema(values: Values, dialect: Dialect): JsonSchema {
  if (values.kind === 'unknown') return {};
  if (values.kind === 'tensors') {
    const schemas = values.tensors.map((tensor) => tensorSchema(tensor, dialect, true));
    if (!values.areNamed) return schemas[0] ?? {};
    const named = values.tensors.map(({ name = '' }, n): [string, JsonSchema] => [name, schemas[n] ?? {}]);
    return { type: 'object', properties: Object.fromEntries(named) };
  }
  const { columns, areNamed } = values;
  const [first] = columns;
  const one = first && columns.length === 1 ? columnSchema(first, dialect) : undefined;
  const row = areNamed ? recordSchema(columns, dialect) : { type: 'array', items: {} };
  // A named series is a list of values, and a frame of one column one of records.
  return { type: 'array', items: one ? (areNamed ? dialect.anyOf([one, row]) : one) : row };
}

/** Made up from the signature, as records where columns have names, with each parameter's default. */
function example({ inputs, params }: StatedSignature): unknown {
  const made = madeUpRows(inputs);
  if (!made) return undefined;
  const { columns, data } = made.body.input_data as { columns?: readonly string[]; data?: readonly unknown[][] };
  const records = columns && data?.map((row) => Object.fromEntries(columns.map((name, n) => [name, row[n]])));
  const isFrame = toValues(inputs).kind === 'columns';
  const defaults = toParameters(params).filter((each) => each.default !== null);
  const stated = Object.fromEntries(defaults.map((each) => [each.name, each.default]));
  return {
    input_data: isFrame && records ? records : made.body.input_data,
    ...(defaults.length > 0 ? { params: stated } : {}),
  };
}

function list(items: JsonSchema): JsonSchema {
  return { type: 'array', minItems: 1, items };
}

const sized = (length: number) => ({ minItems: length, maxItems: length });

function object(properties: Definitions, required: readonly string[]): JsonSchema {
  return { type: 'object', properties, required, additionalProperties: false };
}
