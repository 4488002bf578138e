import { z } from 'zod';
import { Identifier } from './resource-names.ts';

/**
 * What a sweep may try, parameter by parameter, in Azure ML's words
 * (https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-sweep#parameter-expressions).
 */

const bounds = { min_value: z.number(), max_value: z.number() };
const spread = { mu: z.number(), sigma: z.number().positive() };
const q = z.number().positive();

/** Beyond it `exp` is no number any more. */
const MAX_EXPONENT = 700;
const exponents = { min_value: z.number(), max_value: z.number().max(MAX_EXPONENT) };

const ordered = <T extends z.ZodType<{ min_value: number; max_value: number }>>(schema: T) =>
  schema.refine(({ min_value, max_value }) => min_value < max_value, {
    path: ['max_value'],
    error: 'must be greater than min_value',
  });

const Choice = z.strictObject({
  type: z.literal('choice'),
  values: z
    .array(
      z.union([z.string().max(1000), z.number()], {
        error:
          'is refused: a choice is among numbers and texts; nested spaces are not sampled, and true is written as a text',
      }),
    )
    .min(1)
    .max(1000),
});

export const ParameterExpression = z.discriminatedUnion(
  'type',
  [
    Choice,
    z.strictObject({ type: z.literal('randint'), upper: z.int().min(1) }),
    ordered(z.strictObject({ type: z.literal('uniform'), ...bounds })),
    ordered(z.strictObject({ type: z.literal('loguniform'), ...exponents })),
    ordered(z.strictObject({ type: z.literal('quniform'), ...bounds, q })),
    ordered(z.strictObject({ type: z.literal('qloguniform'), ...exponents, q })),
    z.strictObject({ type: z.literal('normal'), ...spread }),
    z.strictObject({ type: z.literal('lognormal'), ...spread }),
    z.strictObject({ type: z.literal('qnormal'), ...spread, q }),
    z.strictObject({ type: z.literal('qlognormal'), ...spread, q }),
  ],
  {
    error:
      'must be one of choice, randint, uniform, loguniform, quniform, qloguniform, normal, lognormal, qnormal, qlognormal',
  },
);
export type ParameterExpression = z.infer<typeof ParameterExpression>;

export const SearchSpace = z
  .record(Identifier, ParameterExpression)
  .refine((space) => Object.keys(space).length > 0, 'names no parameter, so there is nothing to try');
export type SearchSpace = z.infer<typeof SearchSpace>;
