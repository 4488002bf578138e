import { z } from 'zod';

/** One value of a metric. NaN and infinities are kept as JSON cannot write them: as MLflow's strings. */
export interface Point {
  key: string;
  value: number;
  timestamp: number;
  step: number;
}

/** Protobuf's JSON writes 64-bit integers as numbers or strings. */
export const wholeNumber = z.union([
  z.int(),
  z
    .string()
    .regex(/^-?\d+$/, 'must be a whole number')
    .transform(Number),
]);

/** As MLflow's JSON has it: what is not finite is a string. */
export function shownNumber(number: number | string): number | string {
  return Number.isFinite(number) ? number : String(number);
}
