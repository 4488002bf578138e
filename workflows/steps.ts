import { proxyActivities, type ActivityOptions } from '@temporalio/workflow';
import type { Duration } from '@temporalio/common';
import type { CloudActivities, EdgeActivities, SiteActivities } from '../activities/contract.ts';
import { CLOUD_QUEUE, SITE_QUEUE } from '../domain/resource-names.ts';

/**
 * Every step that a workflow may ask for: its queue, timeouts, retries and heartbeat stand here and nowhere else.
 * An attempt's limit is generous, since a killed worker is noticed by the missing heartbeat (`activities/failure.ts`
 * sends one for every step); what may never be tried again says so itself.
 */

/** A VM that runs but does not answer is waited for this long; so is any service that a step cannot do without. */
export const OFFLINE_TOLERANCE = 72 * 3_600_000;
/** What is undone must not hang a run that has failed already. */
export const UNDO_PATIENCE: Duration = '10 minutes';
/** The same where Azure ML takes its time: an endpoint, or one of its deployments. */
export const ENDPOINT_UNDO_PATIENCE: Duration = '2 hours';
/** How long a step may lie in a VM's queue before the Stack Hub is asked what became of the VM. */
export const SILENCE: Duration = '1 minute';
/** How often a VM that stopped under a run is started again for it. */
export const MACHINE_RESTARTS = 3;
/** How often a run whose VM was deleted goes on with another. */
export const MACHINE_LOSSES = 2;
/** How often a step that finds its grants expired at once is granted anew. */
export const GRANT_RENEWALS = 3;
/** The same for a VM that is known to be silent and to run. */
export const LONG_SILENCE: Duration = '10 minutes';
/** A VM that ran a moment ago takes a step at once, or is not there. */
export const WARM_SILENCE: Duration = '5 seconds';
/** A worker that is there takes a step of `doctor` within this. */
export const CHECK_SILENCE: Duration = '5 seconds';
/** A new VM's worker starts after its extension; a started VM boots. */
export const BOOT_SILENCE: Duration = '15 minutes';
/** An answer that has not come by then is asked for again: a signal may have gone to a workflow that was terminated. */
export const ASK_AGAIN: Duration = '15 minutes';
/** How long Azure ML may try to reach a VM: while it does, its port is open. */
export const ATTACH_PATIENCE = { try: '5 minutes', require: '30 minutes' } as const;
/** How often a lease's holder is asked after: while another waits for the VM, and while none does. */
export const HOLDER_WATCH = { wanted: 60_000, unwanted: 600_000 } as const;
/** How long a VM, and the site worker before it, may take to renew the VM's Temporal credential. */
export const RENEWAL_PATIENCE: Duration = '3 minutes';
/** The same for one that has run out, which the Stack Hub's agent on the VM, or SSH, must bring. */
export const INSTALL_PATIENCE: Duration = '10 minutes';
/** After how many milliseconds a renewal is tried again that failed: while the credential holds, and when it has run out. */
export const RENEWAL_RETRY = { least: 60_000, most: 1_800_000, late: 300_000 } as const;
/** How long a lost holder's job may take to be stopped and removed. */
export const CLEAN_PATIENCE: Duration = '10 minutes';
/** Best effort on a run that has failed: its outputs. */
export const KEEP_PATIENCE: Duration = '1 hour';

/** How long a run whose script has ended waits for the last numbers, before it asks what keeps them. */
export const METRICS_GRACE: Duration = '30 seconds';
/** How often the workflow that carries numbers is started anew, where another of its name has not ended yet. */
export const METRICS_STARTS = 10;

/** How often a trial's name is tried that a terminated sweep's trial still has. */
export const TRIAL_NAME_WAIT: Duration = '5 seconds';

/** How often a run asks whether another deployment of its model has ended: each time is a few events of its history. */
export const DEPLOYMENT_WAIT: Duration = '15 seconds';

/** A sweep whose history is as long begins no further trial: Temporal ends a workflow at 50 MiB or 51,200 events. */
export const SWEEP_HISTORY = { bytes: 30 * 2 ** 20, events: 40_000 } as const;
/** How often a sweep is told, by all of its trials together, how they do: each time is four events of its history. */
export const SWEEP_NEWS = 6000;

interface Verb {
  /** The limit of one attempt. */
  readonly attempt: Duration;
  /** Shown by the Temporal UI. */
  readonly summary: string;
  /** Failures that are final here, besides those that say so themselves. */
  readonly final?: readonly string[];
}
type Table<A> = { readonly [K in keyof A]: Verb };

const siteVerbs: Table<SiteActivities> = {
  planTraining: { attempt: '5 minutes', summary: 'Read policy, sizes, quotas and inputs; freeze the plan' },
  planSweep: { attempt: '5 minutes', summary: 'Read policy, sizes, quotas and inputs; sample the search space' },
  enlargeMachine: { attempt: '5 minutes', summary: 'Choose the next larger VM; freeze the plan anew' },
  provisionVirtualMachine: { attempt: '2 hours', summary: 'Make the VM run on the Stack Hub' },
  enrolVirtualMachine: { attempt: '1 hour', summary: 'Put the worker on the VM' },
  adoptHost: { attempt: '1 hour', summary: 'Put the worker on the existing host, over SSH' },
  openAttachRule: { attempt: '15 minutes', summary: 'Open port 22 to Azure ML' },
  closeAttachRule: { attempt: '15 minutes', summary: 'Close port 22 again' },
  inspectVirtualMachine: { attempt: '2 minutes', summary: 'Ask the Stack Hub for the VM’s power state' },
  deallocateVirtualMachine: { attempt: '1 hour', summary: 'Deallocate the idle VM' },
  deleteVirtualMachine: { attempt: '1 hour', summary: 'Delete the VM and what was made with it' },
  grantCredential: { attempt: '1 minute', summary: 'Grant the VM its next Temporal credential' },
  installCredential: { attempt: '10 minutes', summary: 'Put a Temporal credential on the VM, whose own has run out' },
  grantImage: { attempt: '2 minutes', summary: 'Grant the VM the container image' },
  grantData: { attempt: '2 minutes', summary: 'Grant the VM its inputs and the run container' },
  writeDecision: { attempt: '1 minute', summary: 'Write down an unsigned decision' },
  acceptDecision: { attempt: '2 minutes', summary: 'Verify the approver’s decision' },
  standingApproval: { attempt: '2 minutes', summary: 'Look for an approval that holds for this release' },
  issueReceipt: { attempt: '2 minutes', summary: 'Sign the receipt' },
  planDeployment: { attempt: '5 minutes', summary: 'Read policy and what serves; plan the deployment' },
  grantSmokeTest: { attempt: '2 minutes', summary: 'Grant the VM the recorded rows' },
  settleServingRule: { attempt: '15 minutes', summary: 'Let those ask who may' },
  recordDeployment: { attempt: '2 minutes', summary: 'Write down what serves' },
  forgetDeployment: { attempt: '2 minutes', summary: 'Write down that nothing serves' },
  listDeployments: { attempt: '1 minute', summary: 'Read what serves' },
  checkSite: { attempt: '45 seconds', summary: 'Look at what the site worker and its VMs need' },
  discardRun: { attempt: '1 hour', summary: 'Remove what the cancelled run left on site' },
};

const cloudVerbs: Table<CloudActivities> = {
  leaseVirtualMachine: { attempt: '1 minute', summary: 'Ask for the VM' },
  returnVirtualMachine: { attempt: '1 minute', summary: 'Give the VM back' },
  describeHolder: { attempt: '1 minute', summary: 'Ask whether the holder still runs' },
  attachComputeTarget: { attempt: '15 minutes', summary: 'Attach the VM to Azure ML' },
  findComputeTarget: { attempt: '2 minutes', summary: 'Look for the VM in Azure ML' },
  detachComputeTarget: { attempt: '15 minutes', summary: 'Detach the VM from Azure ML' },
  recordRun: { attempt: '2 minutes', summary: 'Record the run in Azure ML' },
  recordSweep: { attempt: '2 minutes', summary: 'Record the sweep in Azure ML' },
  logMetrics: { attempt: '5 minutes', summary: 'Log numbers in Azure ML' },
  finishRun: { attempt: '5 minutes', summary: 'End the run in Azure ML' },
  grantCode: { attempt: '2 minutes', summary: 'Grant the VM the code' },
  grantArtifacts: { attempt: '2 minutes', summary: 'Grant the VM a place for each artifact' },
  requestRegistration: { attempt: '1 minute', summary: 'Ask for the model version' },
  registerModel: { attempt: '6 hours', summary: 'Verify the receipt and the artifacts; register the version' },
  withdrawRegistration: { attempt: '1 minute', summary: 'Ask for the model version no more' },
  discardRelease: { attempt: '1 hour', summary: 'Remove what was released for no version' },
  listModels: { attempt: '1 minute', summary: 'List the site’s models' },
  showModel: { attempt: '1 minute', summary: 'Read a model and its versions' },
  compareVersions: { attempt: '1 minute', summary: 'Compare two versions' },
  requestChange: { attempt: '1 minute', summary: 'Ask for the change of the model' },
  changeModel: { attempt: '1 hour', summary: 'Change the model in Azure ML and in the registry' },
  findServingImage: { attempt: '5 minutes', summary: 'Find the version and its image' },
  grantServingImage: { attempt: '2 minutes', summary: 'Grant the VM the version’s image' },
  buildImage: { attempt: '6 hours', summary: 'Build the image and push it' },
  attestImage: { attempt: '1 hour', summary: 'Sign the image; attach SBOM, provenance and receipt' },
  checkCloud: { attempt: '45 seconds', summary: 'Look at what the cloud worker needs' },
  planCloudDeployment: { attempt: '5 minutes', summary: 'Read policy and what serves; plan the deployment' },
  verifyCloudImage: { attempt: '6 hours', summary: 'Verify the image and what is attached to it' },
  makeCloudDeployment: { attempt: '4 hours', summary: 'Make the new version’s deployment beside the old' },
  testCloudDeployment: { attempt: '30 minutes', summary: 'Ask the new version for predictions of made-up rows' },
  routeEndpoint: { attempt: '2 hours', summary: 'Move the traffic' },
  watchCloudDeployment: { attempt: '2 hours', summary: 'Watch the new version' },
  recordCloudDeployment: { attempt: '5 minutes', summary: 'Write down what serves' },
  retireCloudDeployments: { attempt: '4 hours', summary: 'Delete what no longer serves' },
  removeCloudDeployment: { attempt: '4 hours', summary: 'Delete the new version’s deployment' },
  removeEndpoint: { attempt: '4 hours', summary: 'Delete the endpoint' },
  listCloudDeployments: { attempt: '1 minute', summary: 'Read what serves in the cloud' },
};

const edgeVerbs: Table<Omit<EdgeActivities, 'runTrainingJob'>> = {
  hello: { attempt: '30 seconds', summary: 'Say hello' },
  renewCredential: { attempt: '30 seconds', summary: 'Take up the next Temporal credential' },
  prepareEnvironment: { attempt: '6 hours', summary: 'Prepare the environment' },
  stageInputs: { attempt: '48 hours', summary: 'Stage code and inputs' },
  // A VM that has not come to rest since an upgrade has a worker that knows no such step.
  readMetrics: { attempt: '3 minutes', summary: 'Read what the script has logged', final: ['NotFoundError'] },
  inspectOutputs: { attempt: '6 hours', summary: 'Look through the model’s output' },
  keepOutputs: { attempt: '48 hours', summary: 'Keep outputs and log on site' },
  restoreOutputs: { attempt: '48 hours', summary: 'Bring the outputs back from the site’s storage' },
  releaseArtifacts: { attempt: '48 hours', summary: 'Release the artifacts' },
  pullServingImage: { attempt: '6 hours', summary: 'Pull the image, seal it, verify it' },
  startService: { attempt: '10 minutes', summary: 'Start the new version beside the old' },
  testService: { attempt: '2 hours', summary: 'Ask the new version for what it predicted when trained' },
  routeService: { attempt: '5 minutes', summary: 'Move the traffic' },
  watchService: { attempt: '2 hours', summary: 'Watch the new version' },
  retireService: { attempt: '5 minutes', summary: 'End a service' },
  retireOthers: { attempt: '10 minutes', summary: 'End what no longer serves' },
  unrouteModel: { attempt: '5 minutes', summary: 'Close the model’s port' },
  cleanJob: { attempt: '10 minutes', summary: 'Remove the job’s folders' },
};

const RETRY = { initialInterval: '250ms', backoffCoefficient: 2, maximumInterval: '1 minute' } as const;
const HEARTBEAT: Duration = '15 seconds';

/** The site worker's steps; `within` bounds all attempts together. */
export const siteSteps = (within: Duration = OFFLINE_TOLERANCE): SiteActivities =>
  stepsOf(siteVerbs, { taskQueue: SITE_QUEUE, scheduleToCloseTimeout: within });

/** For `deployments list`, `models list` and the like: who asks waits for it. */
export const LIST_PATIENCE: Duration = '1 minute';

/** For `doctor`: a worker that is not there is a finding, which must not take long. */
export const checkSteps = (): Pick<SiteActivities & CloudActivities, 'checkSite' | 'checkCloud'> => {
  const patience = { scheduleToStartTimeout: CHECK_SILENCE, scheduleToCloseTimeout: '1 minute' } as const;
  return {
    ...stepsOf({ checkSite: siteVerbs.checkSite }, { taskQueue: SITE_QUEUE, ...patience }),
    ...stepsOf({ checkCloud: cloudVerbs.checkCloud }, { taskQueue: CLOUD_QUEUE, ...patience }),
  } as Pick<SiteActivities & CloudActivities, 'checkSite' | 'checkCloud'>;
};

/** The cloud worker's steps. */
export const cloudSteps = (within: Duration = OFFLINE_TOLERANCE): CloudActivities =>
  stepsOf(cloudVerbs, { taskQueue: CLOUD_QUEUE, scheduleToCloseTimeout: within });

export interface EdgePatience {
  /** How long a step may lie in the queue; then it fails with a timeout that `isSilence` knows. */
  readonly silence?: Duration;
  readonly within?: Duration;
  /** The plan's limit for the script; the unit on the VM enforces it. */
  readonly trainingSeconds?: number;
}

/** The steps of the VM that listens on `queue`. */
export function edgeSteps(queue: string, patience: EdgePatience = {}): EdgeActivities {
  const hour = 3600;
  const training = patience.trainingSeconds ?? 0;
  return stepsOf<EdgeActivities>(
    { ...edgeVerbs, runTrainingJob: { attempt: (training + hour) * 1000, summary: 'Run the training script' } },
    {
      taskQueue: queue,
      scheduleToStartTimeout: patience.silence ?? SILENCE,
      ...(patience.within === undefined ? {} : { scheduleToCloseTimeout: patience.within }),
    },
  );
}

function stepsOf<A>(table: Table<A>, options: ActivityOptions): A {
  const steps = Object.entries<Verb>(table).map(([verb, { attempt, summary, final }]) => {
    const proxy = proxyActivities({
      ...options,
      startToCloseTimeout: attempt,
      heartbeatTimeout: HEARTBEAT,
      // Said, since the SDK (1.24) takes none for TRY_CANCEL, against its own word: a deed would go on beside its undo.
      cancellationType: 'WAIT_CANCELLATION_COMPLETED',
      retry: final ? { ...RETRY, nonRetryableErrorTypes: [...final] } : RETRY,
      summary,
    });
    return [verb, proxy[verb]];
  });
  return Object.fromEntries(steps) as A;
}
