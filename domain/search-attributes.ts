/**
 * By what runs are found in Temporal: `EdgeTrainSite = 'demo' AND EdgeTrainJobStatus = 'Failed'`. All are keywords; a
 * namespace must know them before the first run (docs/operations.md).
 */
export const SEARCH_ATTRIBUTE = {
  site: 'EdgeTrainSite',
  model: 'EdgeTrainModel',
  jobStatus: 'EdgeTrainJobStatus',
  virtualMachine: 'EdgeTrainVirtualMachine',
} as const;

/** Azure ML's own words for how a job stands (`JobStatus` of Microsoft.MachineLearningServices), those that runs have here. */
export const JOB_STATUSES = [
  'Queued',
  'Preparing',
  'Running',
  'Finalizing',
  'Completed',
  'Failed',
  'Canceled',
] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];
