import { z } from 'zod';
import { ServingList } from '../domain/cloud-deployment.ts';
import { Metric } from '../domain/completed-job.ts';
import { DeployModelResult } from '../domain/deployment.ts';
import { Failure } from '../domain/failure.ts';
import { Provenance } from '../domain/provenance.ts';
import { Artifact } from '../domain/release.ts';
import { JobId, Sha256 } from '../domain/resource-names.ts';
import { RunStatus } from '../domain/run-status.ts';
import { ScheduleSettings } from '../domain/schedule.ts';
import { JOB_STATUSES } from '../domain/search-attributes.ts';
import { ReceiptPredicate } from '../domain/statement.ts';
import { TrainModelResult } from '../domain/train-model-result.ts';

/** What commands print with `--json`. `schemas/` has these as JSON Schemas (client/schemas.ts). */

const ok = z.literal(true);
const run = {
  workflowId: z.string(),
  runId: z.string(),
  /** The run's page in the Temporal UI, where client.yml says where that is. */
  ui: z.string().optional(),
};

/** Any command that did not do what it was asked, for one cause; `faults` says what is wrong with an input, and where. */
export const ErrorOutput = z.strictObject({
  ok: z.literal(false),
  exitCode: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  failure: Failure,
  faults: z.array(
    z.strictObject({
      file: z.string().optional(),
      line: z.int().optional(),
      path: z.string(),
      rule: z.string(),
      value: z.string().optional(),
    }),
  ),
});
export type ErrorOutput = z.infer<typeof ErrorOutput>;

/** Ctrl-C ended the watching; the run goes on. */
export const InterruptedOutput = z.strictObject({
  ok: z.literal(false),
  exitCode: z.literal(130),
  workflowId: z.string(),
  runId: z.string(),
  running: ok,
});
export type InterruptedOutput = z.infer<typeof InterruptedOutput>;

export const StartedOutput = z.strictObject({ ok, ...run, joined: z.boolean() });
export type StartedOutput = z.infer<typeof StartedOutput>;
export const EndedOutput = z.strictObject({ ok, ...run, result: TrainModelResult });
export type EndedOutput = z.infer<typeof EndedOutput>;

/** `ok` is false where the run failed or was cancelled. `steps` are absent where no worker answers. */
export const StatusOutput = z.strictObject({
  ok: z.boolean(),
  ...run,
  ...RunStatus.shape,
  steps: RunStatus.shape.steps.optional(),
});
export type StatusOutput = z.infer<typeof StatusOutput>;

export const ListOutput = z.strictObject({
  ok,
  runs: z.array(
    z.strictObject({
      ...run,
      site: z.string().optional(),
      model: z.string().optional(),
      virtualMachine: z.string().optional(),
      jobStatus: z.enum(JOB_STATUSES),
      startedAt: z.iso.datetime(),
      endedAt: z.iso.datetime().optional(),
      seconds: z.number(),
    }),
  ),
  /** Whether there are more than `--limit`. */
  more: z.boolean(),
});
export type ListOutput = z.infer<typeof ListOutput>;

/** `deploy`, `rollback`, `undeploy`. */
export const DeployOutput = z.strictObject({ ok, ...run, result: DeployModelResult });
export type DeployOutput = z.infer<typeof DeployOutput>;
export const DeploymentsOutput = z.strictObject({ ok, deployments: ServingList.shape.deployments });
export type DeploymentsOutput = z.infer<typeof DeploymentsOutput>;
/** `deployments key`. */
export const DeploymentKeyOutput = z.strictObject({ ok, name: z.string(), key: z.string(), sha256: Sha256 });
export type DeploymentKeyOutput = z.infer<typeof DeploymentKeyOutput>;

/** `cancelling` with `--detach`, else `cancelled`, with what is left in the failure's words. */
export const CancelOutput = z.strictObject({
  ok,
  ...run,
  state: z.enum(['cancelling', 'cancelled']),
  failure: Failure.optional(),
});
export type CancelOutput = z.infer<typeof CancelOutput>;

/** Where a run's log is, instead of its text. */
export const LogsOutput = z.strictObject({
  ok,
  workflowId: z.string(),
  runId: z.string(),
  site: z.string(),
  job: JobId,
  path: z.string(),
  bytes: z.int(),
});
export type LogsOutput = z.infer<typeof LogsOutput>;

/** Everything that a run's script has logged, as it was: the site's own record. `html` is where the report was written. */
export const MetricsOutput = z.strictObject({
  ok,
  workflowId: z.string(),
  runId: z.string(),
  site: z.string(),
  job: JobId,
  html: z.string().optional(),
  metrics: z
    .array(z.strictObject({ name: z.string(), points: z.array(Metric.omit({ name: true })).readonly() }))
    .readonly(),
});
export type MetricsOutput = z.infer<typeof MetricsOutput>;

export const DecisionOutput = z.strictObject({
  ok,
  ...run,
  decision: z.enum(['approve', 'reject']),
  by: z.string(),
  release: Sha256,
  artifacts: z.array(Artifact),
});
export type DecisionOutput = z.infer<typeof DecisionOutput>;

/** `receipt show` and `receipt verify`: only where `verified` is true has anyone vouched for what it says. */
export const ReceiptOutput = z.strictObject({
  ok,
  verified: z.boolean(),
  /** SHA-256 of the envelope's canonical JSON: the tag `receipt` of the model version. */
  digest: Sha256,
  receipt: ReceiptPredicate,
  /** How many files were compared with the receipt, where `--artifacts` named their folder. */
  compared: z.int().optional(),
});
export type ReceiptOutput = z.infer<typeof ReceiptOutput>;

/** `image verify`: all of it held. */
export const ImageOutput = z.strictObject({
  ok,
  /** HOST/REPOSITORY@DIGEST. */
  image: z.string(),
  /** SHA-256 of the public key that signed it. */
  key: Sha256,
  provenance: Provenance,
  /** Of the receipt that is attached. */
  receipt: Sha256,
  artifacts: z.array(Artifact),
  /** How many components the SBOM names. */
  components: z.int(),
  /** Whether the model's files in the image were compared; false with `--no-model`. */
  modelRead: z.boolean(),
});
export type ImageOutput = z.infer<typeof ImageOutput>;

const scheduled = {
  name: z.string(),
  site: z.string().optional(),
  model: z.string().optional(),
  /** `cron 0 3 * * *` or `every 1d`. */
  when: z.string().optional(),
  paused: z.boolean(),
  note: z.string().optional(),
  next: z.array(z.iso.datetime()),
};
export const ScheduleListOutput = z.strictObject({ ok, schedules: z.array(z.strictObject(scheduled)) });
export type ScheduleListOutput = z.infer<typeof ScheduleListOutput>;

/** `create` and `describe`. */
export const ScheduleOutput = z.strictObject({
  ok,
  ...scheduled,
  /** Temporal appends the time: `<this>-2026-01-01T03:00:00Z`. */
  workflowId: z.string(),
  timeZone: z.string(),
  overlap: ScheduleSettings.shape.overlap,
  catchupSeconds: z.number(),
  pauseOnFailure: z.boolean(),
  recent: z.array(z.strictObject({ workflowId: z.string(), scheduledAt: z.iso.datetime(), takenAt: z.iso.datetime() })),
  skippedByOverlap: z.int(),
  missedCatchup: z.int(),
});
export type ScheduleOutput = z.infer<typeof ScheduleOutput>;

/** `pause`, `resume`, `trigger`, `delete`. */
export const ScheduleChangeOutput = z.strictObject({
  ok,
  name: z.string(),
  state: z.enum(['paused', 'resumed', 'started', 'waiting', 'deleted']),
  /** What `trigger` has started. */
  workflowId: z.string().optional(),
});
export type ScheduleChangeOutput = z.infer<typeof ScheduleChangeOutput>;

const folder = z.string();
/** `sandbox start`: where everything is. */
export const SandboxStartOutput = z.strictObject({
  ok,
  folder,
  files: z.strictObject({ site: z.string(), cloud: z.string(), client: z.string(), temporal: z.string() }),
  temporal: z.strictObject({ address: z.string(), ui: z.string(), namespace: z.string() }),
  registry: z.strictObject({ loginServer: z.string() }),
  docker: z.strictObject({ host: z.string().optional() }),
});
export type SandboxStartOutput = z.infer<typeof SandboxStartOutput>;

/** `sandbox status`; `ok` when all of it is up. `info` is what the sandbox says of itself. */
export const SandboxStatusOutput = z.strictObject({
  ok: z.boolean(),
  folder,
  state: z.enum(['absent', 'stopped', 'degraded', 'running']),
  programs: z.record(z.string(), z.object({ pid: z.int().optional(), restarts: z.int() })),
  machines: z.array(z.object({ name: z.string(), privateAddress: z.string(), power: z.string() })),
  worker: z.strictObject({ pid: z.int() }).optional(),
  info: z.looseObject({}).optional(),
});
export type SandboxStatusOutput = z.infer<typeof SandboxStatusOutput>;

/** `sandbox stop`, `sandbox reset`. */
export const SandboxEndedOutput = z.strictObject({ ok, state: z.enum(['stopped', 'absent']) });
export type SandboxEndedOutput = z.infer<typeof SandboxEndedOutput>;
