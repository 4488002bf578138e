import type { ContainerImage, Evidence, ModelVersion } from '../../domain/model-version.ts';
import { imageTag, modelPath } from '../../domain/resource-names.ts';
import { buildServingImage } from '../../services/serving-image/build.ts';
import type { Cloud } from './cloud.ts';

export interface BuildRequest {
  readonly evidence: Evidence;
  readonly version: ModelVersion;
  readonly repository: string;
}

export async function buildImage(cloud: Cloud, request: BuildRequest): Promise<ContainerImage> {
  const { evidence, version, repository } = request;
  const { registry: settings, release } = cloud.file;
  const tag = imageTag(version.version);
  const built = await buildServingImage({
    registry: await cloud.registry(),
    base: settings.base,
    repository,
    tag,
    tool: cloud.packageTool,
    models: (await cloud.release()).container(release.modelContainer),
    modelPath: (artifact) => modelPath(version.name, evidence.plan.job, artifact),
    model: { name: version.name, release: evidence.release.digest, artifacts: evidence.release.artifacts },
    trainedWith: evidence.environment.packages,
    progress: cloud.step.progress,
  });
  return { registry: settings.loginServer, repository, tag, ...built };
}
