/**
 * Names by which the workflows speak to one another: who starts what, with which signal, and how it is answered.
 * `virtualMachine` and `model` are signalled with start on CLOUD_QUEUE, by an activity; they answer `trainModel` by signal.
 */

/** Workflow types. `virtualMachine` starts with `[{ name: VM's name }]`, `model` with `[{ name: model's name }]`. */
export const WORKFLOW_TYPE = {
  trainModel: 'trainModel',
  /** A child of a sweep's `trainModel`, with a TrialRequest; its result is a KeptTrial or a StoppedTrial. */
  trial: 'trial',
  virtualMachine: 'virtualMachine',
  model: 'model',
  /** A child of `trainModel` and of `trial`, with a MetricsStart; its result is a PublishedMetrics. */
  publishMetrics: 'publishMetrics',
  /** With a CheckRequest; its result is a SiteReport. */
  checkSite: 'checkSite',
  /** With a DeployModelInput; its result is a DeployModelResult. One at a time for a model. */
  deployModel: 'deployModel',
  /** With a ChangeModelInput; its result is a ModelChangeResult. It asks `model`. */
  changeModel: 'changeModel',
  /** With a CleanRegistryInput; its result is a CleanedRegistry. It asks each `model`. */
  cleanRegistry: 'cleanRegistry',
  /** With a ListModelsInput; its result is a ModelList. */
  listModels: 'listModels',
  /** With a CompareVersionsInput; its result is a VersionComparison. */
  compareVersions: 'compareVersions',
  /** With a ShowModelInput; its result is a DescribedModel. */
  showModel: 'showModel',
  /** With a CheckRequest's site; its result is a DeploymentList. */
  listDeployments: 'listDeployments',
} as const;

export const SIGNAL = {
  /** To `virtualMachine`, with a LeaseRequest. Asking twice for one holder is one request. */
  requestLease: 'requestLease',
  /** To `virtualMachine`, with a LeaseReturn. What is not held is fine. */
  returnLease: 'returnLease',
  /** To `model`, with a RegistrationRequest. Asking twice for one holder is one request. */
  requestRegistration: 'requestRegistration',
  /** To `model`, with a RegistrationWithdrawal. Who never asked is answered too. */
  withdrawRegistration: 'withdrawRegistration',
  /** To `model`, with a ModelChangeRequest. Asking twice for one holder is one request. */
  requestChange: 'requestChange',
  /** To `changeModel` and `cleanRegistry`, with a ModelChangeAnswer and the Holder that it is for. */
  modelChanged: 'modelChanged',
  /** To `trainModel`, with a LeaseAnswer and the Holder that it is for. */
  leaseAnswered: 'leaseAnswered',
  /** To `trainModel`, with a RegistrationAnswer or a WithdrawalAnswer and the Holder that it is for. */
  versionRegistered: 'versionRegistered',
  /** To `publishMetrics`, with the queue of the VM that the run goes on with. */
  metricsMachine: 'metricsMachine',
  /** To `publishMetrics`: `drain`, publish what there is and end; `stop`, end with what has been published. */
  metricsEnd: 'metricsEnd',
  /** To a sweep's `trainModel`, from its trials' `publishMetrics`, with TrialIntervals. */
  trialLogged: 'trialLogged',
  /** To `trial`, with a line that says why: it ends, unless its script has ended. */
  stopTrial: 'stopTrial',
} as const;

/** Updates of `trainModel`. */
export const UPDATE = {
  /** With a DSSE Envelope over a `decisionStatement`; answers `{by, decision}`. Refused unless the run waits for just that. */
  decideRelease: 'decideRelease',
} as const;
