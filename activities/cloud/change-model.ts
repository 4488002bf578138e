import type { ModelChangeRequest, ModelChangeResult } from '../../domain/model-change.ts';
import { archiveVersion } from './archive-version.ts';
import { cleanRepositories } from './clean-repositories.ts';
import type { Cloud } from './cloud.ts';
import { followLatest } from './follow-latest.ts';
import { promoteVersion } from './promote-version.ts';

/** In the `model` workflow's order. Each change finds what an earlier attempt did; what it throws, its own file says. */
export async function changeModel(
  cloud: Cloud,
  { holder, change, at }: ModelChangeRequest,
): Promise<ModelChangeResult> {
  switch (change.action) {
    case 'promote':
      return promoteVersion(cloud, change, at);
    case 'archive':
    case 'restore':
      return archiveVersion(cloud, change, at);
    case 'clean':
      return cleanRepositories(cloud, change);
    case 'follow':
      return followLatest(cloud, change, { by: holder.workflowId, at }); // the run that made the image
  }
}
