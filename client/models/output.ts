import { z } from 'zod';
import { DescribedModel, ModelSummary } from '../../domain/model-catalog.ts';
import { ModelChangeResult } from '../../domain/model-change.ts';
import { VersionComparison } from '../../domain/model-comparison.ts';
import { CleanedRegistry } from '../../domain/registry-cleaning.ts';

/** What `models` and `registry` print with `--json`; as `client/output.ts`. */

const ok = z.literal(true);

/** `models list`. */
export const ModelsOutput = z.strictObject({ ok, models: z.array(ModelSummary) });
export type ModelsOutput = z.infer<typeof ModelsOutput>;
/** `models show`. */
export const ModelOutput = z.strictObject({ ok, ...DescribedModel.shape });
export type ModelOutput = z.infer<typeof ModelOutput>;
/** `models diff`. */
export const ModelDiffOutput = z.strictObject({ ok, ...VersionComparison.shape });
export type ModelDiffOutput = z.infer<typeof ModelDiffOutput>;
/** `models promote`, `models archive`, `models restore`. */
export const ModelChangeOutput = z.strictObject({ ok, ...ModelChangeResult.shape });
export type ModelChangeOutput = z.infer<typeof ModelChangeOutput>;

/** `registry gc`. */
export const RegistryCleanedOutput = z.strictObject({ ok, ...CleanedRegistry.shape });
export type RegistryCleanedOutput = z.infer<typeof RegistryCleanedOutput>;
