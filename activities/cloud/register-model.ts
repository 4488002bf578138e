import pMap from 'p-map';
import type { ModelVersion, RegistrationRequest } from '../../domain/model-version.ts';
import type { Artifact } from '../../domain/release.ts';
import { modelPath, stagingPath } from '../../domain/resource-names.ts';
import { ensureContainer, putIfAbsent, readText } from '../../services/blob-storage.ts';
import { deleteBlobs } from '../../services/delete-blobs.ts';
import { datastoreUri, ensureModelDatastore } from '../../services/machine-learning/datastore.ts';
import { registerModelVersion } from '../../services/machine-learning/model-versions.ts';
import { findServedModel, readFlavors, below } from '../../services/serving-image/mlflow-model.ts';
import { canonicalJson } from '../../services/signing.ts';
import { copyVerified } from '../../services/verified-blob.ts';
import type { Cloud } from './cloud.ts';
import { verifyReceipt } from './verify-receipt.ts';
import { REPOSITORY_TAG } from './version-image.ts';

/** Each holds a block in memory. */
const AT_ONCE = 4;

type Containers = Awaited<ReturnType<typeof openContainers>>;

/**
 * Receipt, then bytes, then name: nothing is registered that was not sworn to, and what is registered is what was hashed.
 * Each step finds what an earlier attempt did.
 */
export async function registerModel(cloud: Cloud, request: RegistrationRequest): Promise<ModelVersion> {
  verifyReceipt(cloud.file.sites, request);
  const containers = await openContainers(cloud);
  await moveArtifacts(cloud, containers, request);
  await keepReceipt(containers, request);
  const version = await register(cloud, containers, request);
  await deleteStaged(containers, request);
  return version;
}

async function openContainers(cloud: Cloud) {
  const account = await cloud.release();
  const models = account.container(cloud.file.release.modelContainer);
  await ensureContainer(models);
  return { models, staging: account.container(cloud.file.release.stagingContainer) };
}

/** Out of the reach of every SAS that a VM was given. */
async function moveArtifacts(
  { step }: Cloud,
  { staging, models }: Containers,
  { evidence }: RegistrationRequest,
): Promise<void> {
  const { plan, release } = evidence;
  const move = async (artifact: Artifact) => {
    await copyVerified(
      staging.getBlockBlobClient(stagingPath(plan.job, artifact.path)),
      models.getBlockBlobClient(modelPath(plan.model.name, plan.job, artifact.path)),
      artifact,
      step,
    );
    step.progress();
  };
  await pMap(release.artifacts, move, { concurrency: AT_ONCE });
}

/** Beside the model's folder and not in it: what Azure ML downloads is what the site released. */
async function keepReceipt({ models }: Containers, { evidence, receipt }: RegistrationRequest): Promise<void> {
  const path = `${modelPath(evidence.plan.model.name, evidence.plan.job)}.receipt.json`;
  await putIfAbsent(models, path, canonicalJson(receipt.envelope), 'application/json');
}

async function register(cloud: Cloud, { models }: Containers, request: RegistrationRequest): Promise<ModelVersion> {
  const { evidence, run } = request;
  const { plan, completed } = evidence;
  const workspace = await cloud.workspace();
  const { blobEndpoint, modelContainer } = cloud.file.release;
  await ensureModelDatastore(workspace, { blobEndpoint, container: modelContainer });
  const { root, flavors } = await inspectModel(models, request);
  return registerModelVersion(workspace, {
    name: plan.model.name,
    site: plan.site,
    job: plan.job,
    type: plan.model.type,
    modelUri: datastoreUri(workspace, modelPath(plan.model.name, plan.job, ...(root === '' ? [] : [root]))),
    description: `Trained on premises at ${plan.site}, ${completed.endedAt}; receipt ${request.receipt.digest.slice(0, 12)}.`,
    runId: run.runId,
    tags: versionTags(request),
    ...(flavors ? { flavors } : {}),
  });
}

/** An mlflow_model is the folder of its MLmodel file; any other is the whole release. */
async function inspectModel(
  models: Containers['models'],
  { evidence: { plan, release } }: RegistrationRequest,
): Promise<{ root: string; flavors?: Record<string, Record<string, string>> }> {
  if (plan.model.type !== 'mlflow_model') return { root: '' };
  const { root, loader } = findServedModel(release.artifacts);
  if (loader !== 'mlflow') return { root: '' };
  const text = await readText(models, modelPath(plan.model.name, plan.job, below(root, 'MLmodel')), 2 ** 20);
  return { root, flavors: readFlavors(text ?? '') };
}

/** The user's own tags first: none of them can take the place of ours. */
function versionTags({ evidence, receipt, run, computeTarget }: RegistrationRequest): Record<string, string> {
  const { plan, inputs, environment, release } = evidence;
  return {
    ...plan.model.tags,
    job: plan.job,
    site: plan.site,
    [REPOSITORY_TAG]: plan.image.repository,
    receipt: receipt.digest,
    release: release.digest,
    data: inputs.data.rootDigest,
    'data.files': String(inputs.data.files),
    'data.bytes': String(inputs.data.bytes),
    ...(plan.code ? { code: plan.code.digest } : {}),
    environment: environment.digest,
    'environment.lock': environment.lock,
    workflow: plan.workflowId,
    run: run.runId,
    virtualMachine: evidence.machine.name,
    computeTarget: computeTarget.state === 'attached' ? computeTarget.name : 'none',
  };
}

async function deleteStaged({ staging }: Containers, { evidence }: RegistrationRequest): Promise<void> {
  await deleteBlobs(
    staging,
    evidence.release.artifacts.map(({ path }) => stagingPath(evidence.plan.job, path)),
  );
}
