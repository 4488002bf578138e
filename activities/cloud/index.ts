import type { CloudActivities } from '../contract.ts';
import { attestImage } from './attest-image.ts';
import { buildImage } from './build-image.ts';
import type { CheckedFront } from './check-temporal.ts';
import { checkCloud } from './check-cloud.ts';
import { changeModel } from './change-model.ts';
import { cloudOpener, type CloudConfiguration } from './cloud.ts';
import { compareVersions } from './compare-versions.ts';
import { attachComputeTarget, detachComputeTarget, findComputeTarget } from './compute-target.ts';
import { describeHolder } from './describe-holder.ts';
import { discardRelease } from './discard-release.ts';
import { endpointActivities } from './endpoint/index.ts';
import { findServingImage } from './find-serving-image.ts';
import { finishRun } from './finish-run.ts';
import { grantArtifacts } from './grant-artifacts.ts';
import { grantCode } from './grant-code.ts';
import { grantServingImage } from './grant-serving-image.ts';
import { leaseVirtualMachine } from './lease-virtual-machine.ts';
import { listModels } from './list-models.ts';
import { logMetrics } from './log-metrics.ts';
import { recordRun } from './record-run.ts';
import { recordSweep } from './record-sweep.ts';
import { registerModel } from './register-model.ts';
import { requestChange } from './request-change.ts';
import { requestRegistration } from './request-registration.ts';
import { returnVirtualMachine } from './return-virtual-machine.ts';
import { showModel } from './show-model.ts';
import type { Workflows } from './temporal.ts';
import { withdrawRegistration } from './withdraw-registration.ts';

export interface CloudDependencies extends CloudConfiguration {
  /** `client.workflow` of the worker's own namespace. */
  readonly workflows: Workflows;
  /** The server that it works for, and whether it shows a credential there. */
  readonly front: CheckedFront;
}

/** What the cloud worker can do. `cloud.yml` and its secrets are read anew by each activity. */
export function createCloudActivities(dependencies: CloudDependencies): CloudActivities {
  const { workflows, front } = dependencies;
  const open = cloudOpener(dependencies);
  return {
    ...endpointActivities(open),
    findServingImage: async (plan) => findServingImage(await open(), plan),
    grantServingImage: async (request) => grantServingImage(await open(), request),
    leaseVirtualMachine: (request) => leaseVirtualMachine(workflows, request),
    returnVirtualMachine: (request) => returnVirtualMachine(workflows, request),
    describeHolder: (holder) => describeHolder(workflows, holder),
    attachComputeTarget: async (request) => attachComputeTarget(await open(), request),
    findComputeTarget: async (request) => findComputeTarget(await open(), request),
    detachComputeTarget: async (name) => detachComputeTarget(await open(), name),
    recordRun: async (request) => recordRun(await open(), request),
    recordSweep: async (request) => recordSweep(await open(), request),
    logMetrics: async (request) => logMetrics(await open(), request),
    finishRun: async (request) => finishRun(await open(), request),
    grantCode: async (request) => grantCode(await open(), request),
    grantArtifacts: async (request) => grantArtifacts(await open(), request),
    requestRegistration: (request) => requestRegistration(workflows, request),
    withdrawRegistration: (request) => withdrawRegistration(workflows, request),
    discardRelease: async (request) => discardRelease(await open(), request),
    registerModel: async (request) => registerModel(await open(), request),
    listModels: async (site) => listModels(await open(), site),
    showModel: async (request) => showModel(await open(), request),
    compareVersions: async (request) => compareVersions(await open(), request),
    requestChange: (request) => requestChange(workflows, request),
    changeModel: async (request) => changeModel(await open(), request),
    checkCloud: (request) => checkCloud(open, workflows, front, request),
    buildImage: async (request) => buildImage(await open(), request),
    attestImage: async (request) => attestImage(await open(), request),
  };
}
