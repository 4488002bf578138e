import { z } from 'zod';
import { Sha256 } from './resource-names.ts';

/** The job's code folder as one reproducible tar.gz in the code container, named by its SHA-256. */
export const CodeAsset = z.strictObject({
  digest: Sha256,
  bytes: z
    .int()
    .min(1)
    .max(2 ** 30),
  files: z.int().min(1),
});
export type CodeAsset = z.infer<typeof CodeAsset>;
