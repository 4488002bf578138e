import { z } from 'zod';

/** `learned/<recipe>.json` in the site's run container: the metrics whose names the first release of a recipe carried, and whose it was. */
export const LearnedMetrics = z.strictObject({ job: z.string(), names: z.array(z.string().max(250)) });
export type LearnedMetrics = z.infer<typeof LearnedMetrics>;
