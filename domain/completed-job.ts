import { z } from 'zod';
import { DataDigest } from './data-reference.ts';
import { JobId, Sha256 } from './resource-names.ts';

/**
 * An environment that is ready on the VM. `lock` is the SHA-256 of `runs/JOB/environment.lock` in the site's run container: the
 * requirements with their hashes, or an image's manifest. Of an image nothing is known of `python` and packages.
 */
export const PreparedEnvironment = z.strictObject({
  digest: z.string(),
  lock: Sha256,
  python: z.string().optional(),
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

/** What root on the VM measured of a job's cage when it started, and what the cage's own check had tried from inside. */
export const CageReport = z.strictObject({
  /** SHA-256 by path: the unit and its drop-ins as systemd reads them, and each helper that root installed. */
  files: z.record(z.string(), Sha256),
  /** What was tried, or looked for, before the script started. Nothing of it was open, or nothing would have started. */
  tried: z.array(z.string()),
});
export type CageReport = z.infer<typeof CageReport>;

/** How the script ended: only a zero exit is here; any other end is a failure. Says nothing of what it printed. */
export const CompletedJob = z.strictObject({
  job: JobId,
  exitCode: z.literal(0),
  /** How often it was started: more than 1 after a reboot. */
  starts: z.int().min(1),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  bootId: z.string(),
  /** Of a VM that an older edge-train installed there is none. */
  cage: CageReport.optional(),
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
