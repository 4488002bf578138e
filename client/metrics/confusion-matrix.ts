import { z } from 'zod';

/** What `confusion_matrix.json` may be: rows are what is true, columns what was predicted. */
const Counts = z.array(z.array(z.number()).min(1).max(50)).min(1).max(50);
const Matrix = z.union([
  Counts.transform((matrix) => ({ labels: undefined, matrix })),
  z.object({
    labels: z
      .array(z.union([z.string(), z.number()]).transform(String))
      .max(50)
      .optional(),
    matrix: Counts,
  }),
]);
export interface ConfusionMatrix {
  readonly labels: readonly string[];
  readonly matrix: readonly (readonly number[])[];
}

/** Undefined where it is none: not square, or with other labels than rows. */
export function confusionMatrixOf(text: string): ConfusionMatrix | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const parsed = Matrix.safeParse(json);
  if (!parsed.success) return undefined;
  const { matrix, labels = matrix.map((_, index) => String(index)) } = parsed.data;
  return matrix.every((row) => row.length === matrix.length) && labels.length === matrix.length
    ? { labels, matrix }
    : undefined;
}

/** Whether these bytes are a PNG: a picture is shown as what it is, or not at all. */
export const isPng = (bytes: Buffer): boolean =>
  bytes.subarray(0, 8).equals(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]));
