import { z } from 'zod';
import { Artifact } from './release.ts';

/**
 * `runs/<job>/checkpoints.json` in the site's run container: the complete checkpoints of a job as its VM saw them last. The
 * content of each file is `runs/<job>/checkpoints/<sha256>`. None of it leaves the site.
 */
export const CheckpointManifest = z.strictObject({ files: z.array(Artifact) });
export type CheckpointManifest = z.infer<typeof CheckpointManifest>;
