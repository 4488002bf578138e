import { z } from 'zod';
import { DataDigest } from './data-reference.ts';
import { JobId, Sha256 } from './resource-names.ts';

/** An environment that is ready on the VM. `lock` is the SHA-256 of the sorted `name==version` list that was installed. */
export const PreparedEnvironment = z.strictObject({
  digest: z.string(),
  lock: Sha256,
  python: z.string(),
  /** `name==version`, sorted. */
  packages: z.array(z.string()),
  cached: z.boolean(),
});
export type PreparedEnvironment = z.infer<typeof PreparedEnvironment>;

/** Inputs that are staged read-only on the VM. */
export const StagedInputs = z.strictObject({ data: DataDigest, cached: z.boolean() });
export type StagedInputs = z.infer<typeof StagedInputs>;

/** JSON has no NaN or infinity: a metric that is none travels as `null` and is not sent on. */
export const Metric = z.strictObject({
  name: z.string().max(250),
  value: z.number().nullable(),
  step: z.int(),
  /** Milliseconds since the epoch. */
  timestamp: z.int(),
});
export type Metric = z.infer<typeof Metric>;

/** How the script ended: only a zero exit is here; any other end is a failure. Says nothing of what it printed. */
export const CompletedJob = z.strictObject({
  job: JobId,
  exitCode: z.literal(0),
  /** How often it was started: more than 1 after a reboot. */
  starts: z.int().min(1),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  bootId: z.string(),
  parameters: z.record(z.string(), z.string()),
  /** Each metric's last value. */
  metrics: z.array(Metric),
  /** What of the metrics went to Azure ML while the script trained: how many numbers, under which names. */
  published: z.strictObject({ points: z.int().min(0), names: z.array(z.string().max(250)) }).optional(),
  /** How many metrics and parameters the site's policy kept on site. */
  withheld: z.int().min(0).default(0),
  /** Path of the log below the site's run container. */
  log: z.string(),
});
export type CompletedJob = z.infer<typeof CompletedJob>;
