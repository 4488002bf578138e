import { z } from 'zod';
import { SiteName } from './resource-names.ts';

/** One thing that `doctor` looked at. */
export const Check = z.strictObject({
  /** Who looked: `client`, `cloud`, `site`, or a VM's name. */
  where: z.string(),
  name: z.string(),
  /** `unknown`: what it needs is at fault, and has a check of its own. */
  state: z.enum(['ok', 'fault', 'unknown']),
  /** One line for people; holds no secret. */
  detail: z.string(),
  /** What to do. Always there for a fault; beside `ok` it is advice. */
  fix: z.string().optional(),
});
export type Check = z.infer<typeof Check>;

/** Input of the `checkSite` workflow. */
export const CheckRequest = z.strictObject({
  site: SiteName,
  /** Who asks: workers of another version say so. */
  version: z.string().max(40).optional(),
});
export type CheckRequest = z.infer<typeof CheckRequest>;

/** What the cloud worker saw, and what the site needs to know of it for its own checks. */
export interface CloudChecks {
  readonly checks: Check[];
  /** SHA-256 of the SPKI DER of the key that cloud.yml has for the site. */
  readonly receiptKey?: string;
  /** HOST:PORT of the release account, which the site's uplink must let through. */
  readonly release?: string;
}

/** What the site worker saw, and the VMs that run, for a hello. */
export interface SiteChecks {
  readonly checks: Check[];
  /** SHA-256 of the SPKI DER of the public half of `site.yml: receiptKey`. */
  readonly receiptKey?: string;
  readonly machines: CheckedMachine[];
}

/** A VM that runs, as the Stack Hub knows it. */
export interface CheckedMachine {
  readonly name: string;
  readonly queue: string;
  readonly bundle: string;
  /** Whether that is the bundle which the site worker would put on it now. */
  readonly current: boolean;
}

/** Result of the `checkSite` workflow. */
export const SiteReport = z.strictObject({ site: SiteName, checks: z.array(Check) });
export type SiteReport = z.infer<typeof SiteReport>;

/** AD FS refuses tokens from five minutes on, blob storage signatures from fifteen. */
export const CLOCK_TOLERANCE_MS = 2 * 60_000;

/** `3 min ahead of`, for two clocks that differ. */
export function clockText(aheadMs: number): string {
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  const size = seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  return `${size} ${aheadMs < 0 ? 'behind' : 'ahead of'}`;
}
