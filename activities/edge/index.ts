import { Context } from '@temporalio/activity';
import type { EdgeActivities } from '../contract.ts';
import { cleanJob } from './clean-job.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { hello } from './hello.ts';
import { inspectOutputs } from './inspect-outputs.ts';
import { keepOutputs } from './keep-outputs.ts';
import { prepareEnvironment } from './prepare-environment.ts';
import { pullServingImage } from './pull-serving-image.ts';
import { readMetrics } from './read-metrics.ts';
import { releaseArtifacts } from './release-artifacts.ts';
import { renewCredential } from './renew-credential.ts';
import { restoreOutputs } from './restore-outputs.ts';
import { retireOthers, retireService } from './retire-services.ts';
import { routeService, unrouteModel } from './route-service.ts';
import { runTrainingJob } from './run-training-job.ts';
import { stageInputs } from './stage-inputs.ts';
import { startService } from './start-service.ts';
import { testService } from './test-service.ts';
import { watchService } from './watch-service.ts';

/** What a VM does, on the queue that bears its name. */
export function createEdgeActivities(edge: EdgeDependencies): EdgeActivities {
  return {
    hello: () => hello(edge),
    renewCredential: ({ grants }) => renewCredential(edge, grants),
    prepareEnvironment: ({ plan, grants = [] }) => prepareEnvironment(edge, plan.environment, grants),
    stageInputs: (request) => stageInputs(edge, request),
    runTrainingJob: (request) => runTrainingJob(edge, request),
    readMetrics: (request) => readMetrics(edge, request, Context.current().cancellationSignal),
    inspectOutputs: ({ plan }) => inspectOutputs(edge, plan),
    keepOutputs: (request) => keepOutputs(edge, request),
    restoreOutputs: (request) => restoreOutputs(edge, request),
    releaseArtifacts: (request) => releaseArtifacts(edge, request),
    cleanJob: (job) => cleanJob(edge, job),
    pullServingImage: (request) => pullServingImage(edge, request),
    startService: (request) => startService(edge, request),
    testService: (request) => testService(edge, request),
    routeService: (request) => routeService(edge, request),
    watchService: (request) => watchService(edge, request),
    retireService: (service) => retireService(edge, service),
    retireOthers: (plan) => retireOthers(edge, plan),
    unrouteModel: (plan) => unrouteModel(edge, plan),
  };
}
