import { z } from 'zod';
import { Failure } from './errors.ts';

/** Which service's words a refused body gets. */
export type SchemaDialect = 'resources' | 'network' | 'compute' | 'storage' | 'machine-learning' | 'mlflow';

/** Tags of a resource, within ARM’s limits. */
export const tags = z
  .record(z.string().min(1).max(512), z.string().max(256))
  .refine((map) => Object.keys(map).length <= 50, {
    message: 'A maximum of 50 tags can be specified for a resource',
  });

/** Members that a client may send back as it read them; the service ignores them. */
const echoed = {
  id: z.string().optional(),
  name: z.string().optional(),
  type: z.string().optional(),
  etag: z.string().optional(),
};

/** A whole resource in a PUT body: strict, with the read-only members that ARM ignores. */
export function resource<P extends z.ZodRawShape, M extends z.ZodRawShape>(properties: z.ZodObject<P>, more: M) {
  const withState = properties.extend({
    provisioningState: z.string().optional(),
    resourceGuid: z.string().optional(),
  });
  // Absent properties are as good as empty ones: what is required in them is then what is missing.
  return z.strictObject({ ...echoed, ...more, properties: z.preprocess((given) => given ?? {}, withState.strict()) });
}

/** A reference to another resource. */
export const reference = z.strictObject({ id: z.string().regex(/^\/subscriptions\//i, 'must be a resource id') });

/** Matches one of `values` in any case and gives it in Azure's own. */
export function anyCase<const T extends readonly string[]>(values: T) {
  return z.string().transform((given, context): T[number] => {
    const found = values.find((value) => value.toLowerCase() === given.toLowerCase());
    if (found !== undefined) return found;
    context.addIssue({ code: 'custom', message: `'${given}' is not one of ${values.join(', ')}` });
    return z.NEVER;
  });
}

/**
 * The body as the schema has it. Unknown members, wrong types and missing members are refused in the service's words.
 * @throws Failure 400
 */
export function parseBody<T>(schema: z.ZodType<T>, bytes: Buffer, contentType: string, dialect: SchemaDialect): T {
  if (!/^application\/json\b/i.test(contentType)) {
    throw new Failure(
      415,
      'UnsupportedMediaType',
      `The content media type '${contentType}' is not supported. Only 'application/json' is supported.`,
    );
  }
  const result = schema.safeParse(parseJson(bytes, dialect));
  if (result.success) return result.data;
  const found = result.error.issues.flatMap(deepest).map(describe);
  const first = found[0]!;
  switch (dialect) {
    case 'network':
      throw new Failure(400, 'InvalidRequestFormat', 'Cannot parse the request.', {
        details: found.map(({ message, path }) => ({ code: 'InvalidJson', message, target: path })),
      });
    case 'compute':
      throw new Failure(400, first.missing ? 'InvalidParameter' : 'BadRequest', first.message, { target: first.path });
    case 'mlflow':
      throw new Failure(400, 'INVALID_PARAMETER_VALUE', first.message);
    case 'machine-learning':
      throw new Failure(400, 'ValidationError', first.message, {
        target: first.path,
        details: found.map(({ message, path }) => ({ code: 'InvalidField', message, target: path })),
      });
    case 'resources':
    case 'storage':
      throw new Failure(
        400,
        'InvalidRequestContent',
        `The request content was invalid and could not be deserialized: '${first.message}'.`,
      );
  }
}

function parseJson(bytes: Buffer, dialect: SchemaDialect): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch (error) {
    const message = `The request content was invalid and could not be deserialized: '${(error as Error).message}'.`;
    if (dialect === 'mlflow') throw new Failure(400, 'BAD_REQUEST', message);
    throw new Failure(400, 'InvalidRequestContent', message);
  }
}

interface Described {
  message: string;
  path: string;
  missing: boolean;
}

type Issue = z.core.$ZodIssue;

/** A union's issue hides why each branch failed: take those of the branch that came farthest. */
function deepest(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
  const best = issue.errors.reduce((one, other) => (other.length < one.length ? other : one));
  return best.flatMap(deepest).map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }) as Issue);
}

function describe(issue: Issue): Described {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const at = [...issue.path.map(String), issue.keys[0]].join('.');
    return { message: `Could not find member '${issue.keys[0]}' on object. Path '${at}'`, path: at, missing: false };
  }
  const missing = issue.code === 'invalid_type' && issue.input === undefined && issue.message.endsWith('undefined');
  if (missing) return { message: `Required parameter '${path}' is missing (null).`, path, missing };
  return { message: `${issue.message}. Path '${path}'`, path, missing };
}
