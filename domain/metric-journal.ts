import { z } from 'zod';
import { Metric } from './completed-job.ts';

/**
 * A number as the VM writes it down when the script logs it. It is whole here, and stays on site: only what
 * `metric-stream.ts` lets out leaves.
 */
export const LoggedPoint = z.strictObject({
  ...Metric.shape,
  /** Who logged it: experiment, MLflow run and the script's start. After a reboot, or on another VM, it is another. */
  source: z.string(),
  /** Where the line ends in the script's own file, in bytes: what follows is not written down yet. */
  end: z.int().min(0),
});
export type LoggedPoint = z.infer<typeof LoggedPoint>;

/** Names one VM's record of a job, and says since when it is written (ms since the epoch). */
export const JournalHead = z.strictObject({ journal: z.string(), at: z.int() });
export type JournalHead = z.infer<typeof JournalHead>;
/** The script has ended: no point follows on this VM. */
export const JournalEnd = z.strictObject({ ended: z.literal(true) });

/** A line of `runs/<job>/metrics.jsonl` on site. */
export const JournalLine = z.union([LoggedPoint, JournalHead, JournalEnd]);
export type JournalLine = z.infer<typeof JournalLine>;

/**
 * What has left of a job's record on a VM, whatever a cursor says: a cursor is the workflow's word, and the limits are the
 * site's. What lies before `offset` (bytes) has been counted, and may be asked for again.
 */
export const MetricsTally = z.strictObject({ offset: z.int(), points: z.int(), names: z.array(z.string()) });
export type MetricsTally = z.infer<typeof MetricsTally>;
