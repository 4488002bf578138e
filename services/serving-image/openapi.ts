import { bodySchemas, type BodySchemas } from './body-schema.ts';
import type { StatedSignature } from './mlflow-model.ts';
import type { Dialect, JsonSchema } from './signature-schema.ts';

/** A description of a service that the inference server answers at `/swagger.json`, and the name that it wants it under. */
export interface ServiceDescription {
  readonly file: string;
  readonly content: string;
}

/**
 * What a model's service takes and answers, for each version of OpenAPI that `?version=` may name. The files' names are the
 * server's, which takes them from AML_APP_ROOT instead of writing a general one:
 * https://pypi.org/project/azureml-inference-server-http, changelog of 0.7.0; `server/swagger.py` of 1.5.1.
 */
export function describeService(model: string, signature: StatedSignature): ServiceDescription[] {
  return VERSIONS.map(({ file, describe, ...dialect }) => {
    const content = describe(model, bodySchemas(signature, dialect));
    return { file, content: `${JSON.stringify(content)}\n` };
  });
}

function component(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

interface Version extends Dialect {
  readonly file: string;
  readonly describe: (model: string, schemas: BodySchemas) => object;
}

const VERSIONS: readonly Version[] = [
  {
    file: 'swagger2.json',
    ref: (name) => ({ $ref: `#/definitions/${name}` }),
    inOrder: () => ({ items: {} }),
    orNull: (schema) => ({ ...schema, 'x-nullable': true }),
    anyOf: () => ({}),
    describe: describeIn2,
  },
  {
    file: 'swagger3.json',
    ref: component,
    inOrder: () => ({ items: {} }),
    orNull: (schema) => ({ ...schema, nullable: true }),
    anyOf: (schemas) => ({ anyOf: schemas }),
    describe: (model, schemas) => describeIn3('3.0.3', model, schemas),
  },
  {
    file: 'swagger3.1.json',
    ref: component,
    inOrder: (schemas) => ({ prefixItems: schemas }),
    orNull: (schema) => ('type' in schema ? { ...schema, type: [schema['type'], 'null'] } : schema),
    anyOf: (schemas) => ({ anyOf: schemas }),
    describe: (model, schemas) => describeIn3('3.1.0', model, schemas),
  },
];

const FORMS =
  'A body has exactly one of input_data (as Azure ML has it), dataframe_split, dataframe_records, instances and inputs (as MLflow has them), or is a list itself.';

/** OpenAPI 2 knows one schema of a body only: the form of Azure ML, with records where columns have names. */
function describeIn2(model: string, { plainest, example, answers }: BodySchemas): object {
  const answered = (description: string, name: string) => ({ description, schema: { $ref: `#/definitions/${name}` } });
  return {
    swagger: '2.0',
    info: about(model, `${FORMS} Only records in input_data are described here: version 3 describes all.`),
    consumes: ['application/json'],
    produces: ['application/json'],
    securityDefinitions: { Bearer: BEARER },
    paths: pathsOf({
      body: {
        parameters: [{ name: 'body', in: 'body', required: true, schema: { $ref: '#/definitions/ServiceInput' } }],
      },
      version: { type: 'string', enum: ASKABLE },
      answered,
      plain: (description) => ({ description, schema: { type: 'string' } }),
      whole: (description) => ({ description, schema: { type: 'object' } }),
    }),
    definitions: { ServiceInput: withExample(plainest, example), ServiceOutput: answers.bare, ...ERRORS },
  };
}

function describeIn3(openapi: string, model: string, { all, definitions, example, answers }: BodySchemas): object {
  const json = (schema: JsonSchema) => ({ content: { 'application/json': { schema } } });
  const input = { anyOf: all };
  const output = { anyOf: [answers.bare, answers.predictions] };
  return {
    openapi,
    info: about(model, FORMS),
    paths: pathsOf({
      body: { requestBody: { required: true, ...json(component('ServiceInput')) } },
      version: { schema: { type: 'string', enum: ASKABLE } },
      answered: (description, name) => ({ description, ...json(component(name)) }),
      plain: (description) => ({ description, content: { 'text/html': { schema: { type: 'string' } } } }),
      whole: (description) => ({ description, ...json({ type: 'object' }) }),
    }),
    components: {
      schemas: { ServiceInput: withExample(input, example), ServiceOutput: output, ...definitions, ...ERRORS },
      securitySchemes: { Bearer: BEARER },
    },
  };
}

/** In what versions 2 and 3 write an operation differently. */
interface Wording {
  readonly body: object;
  readonly version: object;
  readonly answered: (description: string, schema: string) => object;
  readonly plain: (description: string) => object;
  readonly whole: (description: string) => object;
}

function pathsOf({ body, version, answered, plain, whole }: Wording): object {
  const failed = { default: answered('The service failed.', 'ErrorResponse') };
  return {
    '/': { get: { operationId: 'health', responses: { 200: plain('It answers.'), ...failed } } },
    '/score': {
      post: {
        operationId: 'score',
        security: [{}, { Bearer: [] }],
        ...body,
        responses: {
          200: answered('What the model predicts: a list, or {predictions} to a form of MLflow.', 'ServiceOutput'),
          400: answered('The body does not fit the model, with every place that is wrong.', 'BadInput'),
          413: answered('The body is too long.', 'BadInput'),
          ...failed,
        },
      },
    },
    '/swagger.json': {
      get: {
        operationId: 'describe',
        parameters: [{ name: 'version', in: 'query', required: false, ...version }],
        responses: { 200: whole('This description; without a version that of 2.'), ...failed },
      },
    },
  };
}

/** What the server knows: `server/swagger.py`, the versions and their aliases. */
const ASKABLE = ['2', '2.0', '3', '3.0', '3.1'];

const BEARER = {
  ...{ type: 'apiKey', name: 'Authorization', in: 'header' },
  description: 'Where the service asks for a key, as Azure ML’s endpoints do: Bearer KEY.',
};

const TEXT = { type: 'string' };
const ERRORS = {
  BadInput: {
    type: 'object',
    properties: {
      error: {
        type: 'object',
        properties: {
          code: TEXT,
          message: TEXT,
          problems: {
            type: 'array',
            items: {
              type: 'object',
              properties: { path: TEXT, message: TEXT, column: TEXT },
              required: ['path', 'message'],
            },
          },
          expected: { type: 'array', items: { type: 'object' } },
        },
        required: ['code', 'message', 'problems'],
      },
    },
    required: ['error'],
  },
  ErrorResponse: { type: 'object', properties: { message: TEXT } },
};

/** Nothing here may say which version or when: the same content is the same image. */
const about = (model: string, description: string) => ({ title: model, version: '1.0', description });

const withExample = (schema: JsonSchema, example: unknown): JsonSchema =>
  example === undefined ? schema : { ...schema, example };
