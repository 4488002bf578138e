import { z } from 'zod';

/** One line of a reference page. Texts are Markdown. */
export interface Field {
  /** `storageAccounts.NAME.key`; `[]` stands for an element of a list. */
  readonly path: string;
  readonly value: string;
  /** The default, `required`, or empty: it may be left out. */
  readonly fallback: string;
  readonly description: string;
}

/** Every field of a file, in its schema's order. */
export function fieldsOf(schema: z.ZodType, path = ''): Field[] {
  return membersOf(schema).flatMap(({ name, schema: member, only }) => {
    const at = path ? `${path}.${name}` : name;
    const description = [describe(member), ...(only ? [`Only where ${only}.`] : [])].filter(Boolean).join(' ');
    return [{ path: at, value: valueOf(member), fallback: fallbackOf(member), description }, ...below(member, at)];
  });
}

interface Member {
  readonly name: string;
  readonly schema: z.ZodType;
  readonly only?: string;
}

/** The members of an object; of a union of objects, each member once, with the choice that has it. */
function membersOf(schema: z.ZodType): Member[] {
  const inner = bare(schema);
  if (inner instanceof z.ZodObject) {
    return Object.entries(inner.shape as Record<string, z.ZodType>).map(([name, member]) => ({ name, schema: member }));
  }
  if (inner instanceof z.ZodDiscriminatedUnion) {
    const key = inner.def.discriminator;
    const choices = (inner.options as z.ZodObject[]).map((option) => option.shape as Record<string, z.ZodType>);
    const values = choices.flatMap((shape) => valuesOf(shape[key]));
    const first = choices[0]?.[key];
    return [
      { name: key, schema: z.enum(values as [string]).describe(first?.description ?? '') },
      ...choices.flatMap((shape) => {
        const only = `\`${key}\` is ${valuesOf(shape[key]).map(code).join(' or ')}`;
        return Object.entries(shape)
          .filter(([name]) => name !== key)
          .map(([name, member]) => ({ name, schema: member, only }));
      }),
    ];
  }
  return [];
}

const valuesOf = (schema: z.ZodType | undefined): string[] =>
  schema instanceof z.ZodLiteral || schema instanceof z.ZodEnum ? [...schemaValues(schema)] : [];

const schemaValues = (schema: z.ZodLiteral | z.ZodEnum): string[] =>
  (schema instanceof z.ZodLiteral ? [...schema.values] : schema.options).map(String);

function below(schema: z.ZodType, path: string): Field[] {
  const inner = bare(schema);
  if (inner instanceof z.ZodRecord) return fieldsOf(inner.valueType as z.ZodType, `${path}.NAME`);
  if (inner instanceof z.ZodArray) return fieldsOf(inner.element as z.ZodType, `${path}[]`);
  return fieldsOf(inner, path);
}

function valueOf(schema: z.ZodType): string {
  const inner = bare(schema);
  if (inner instanceof z.ZodObject || inner instanceof z.ZodDiscriminatedUnion) return '';
  if (inner instanceof z.ZodRecord) {
    const key = ruleOf(inner.keyType as z.ZodType);
    const value = valueOf(inner.valueType as z.ZodType);
    return `a map${key ? `; ${key}` : ''}${value ? `; to: ${value}` : ''}`;
  }
  if (inner instanceof z.ZodArray) return `a list of: ${valueOf(inner.element as z.ZodType)}`;
  if (inner instanceof z.ZodUnion) return (inner.options as z.ZodType[]).map(valueOf).join('; or ');
  if (inner instanceof z.ZodEnum || inner instanceof z.ZodLiteral) return schemaValues(inner).map(code).join(', ');
  if (inner instanceof z.ZodBoolean) return '`true`, `false`';
  if (inner instanceof z.ZodNumber) return 'a number';
  return ruleOf(inner) || 'text';
}

/** A string's rule in the words of the error that breaking it gives. */
function ruleOf(schema: z.ZodType): string {
  const issue = bare(schema)
    .safeParse('\0')
    .error?.issues.find(({ code: kind }) => kind === 'invalid_format' || kind === 'custom');
  return (issue?.message ?? '').replace('Invalid UUID', 'a UUID');
}

function fallbackOf(schema: z.ZodType): string {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) return '';
  if (schema instanceof z.ZodDefault) return code(JSON.stringify(schema.def.defaultValue).replace(/^"(.*)"$/, '$1'));
  return 'required';
}

/** Said of the field, or of the value that it takes. */
function describe(schema: z.ZodType): string {
  return schema.description ?? (isWrapped(schema) ? describe(schema.unwrap() as z.ZodType) : '');
}

const code = (text: string): string => `\`${text}\``;

function bare(schema: z.ZodType): z.ZodType {
  return isWrapped(schema) ? bare(schema.unwrap() as z.ZodType) : schema;
}

const isWrapped = (schema: z.ZodType): schema is z.ZodOptional | z.ZodDefault | z.ZodPrefault =>
  schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
