import { z } from 'zod';
import { Check } from '../domain/check.ts';
import { SiteName } from '../domain/resource-names.ts';
import { chooseSite } from './choose-site.ts';
import { findConfig } from './config/find-config.ts';
import { localChecks } from './doctor/local-checks.ts';
import { tellChecks } from './doctor/tell.ts';
import { temporalChecks } from './doctor/temporal-checks.ts';
import { EXIT_CODE } from './exit-code.ts';

export interface DoctorOptions {
  readonly site?: string;
  readonly json?: boolean;
  readonly config?: string;
}

/** What `doctor --json` prints. */
export const DoctorReport = z.strictObject({
  /** No check found a fault. */
  ok: z.boolean(),
  site: SiteName,
  /** False where Temporal could not be reached, so that nobody could be asked. */
  reached: z.boolean(),
  checks: z.array(Check),
});
export type DoctorReport = z.infer<typeof DoctorReport>;

/**
 * `edge-train doctor`: looks at this user's side, then lets the workers look at theirs; changes nothing. Exit 0: no fault; 1:
 * a fault was found; 3: Temporal cannot be reached; 130: interrupted.
 */
export async function doctor(options: DoctorOptions): Promise<number> {
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const interrupted = new Promise<undefined>((resolve) =>
    interrupt.signal.addEventListener('abort', () => resolve(undefined), { once: true }),
  );
  try {
    const report = await Promise.race([examine(options), interrupted]);
    if (!report) return EXIT_CODE.interrupted;
    tellChecks(report, options.json ?? false);
    if (!report.reached) return EXIT_CODE.unreachable;
    return report.ok ? EXIT_CODE.done : EXIT_CODE.failed;
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

async function examine(options: DoctorOptions): Promise<DoctorReport> {
  const folder = findConfig(options.config);
  const site = await chooseSite(folder, options.site, { nextStep: NEXT });
  const local = await localChecks(folder, site);
  const { reached, checks } = await temporalChecks(folder, site);
  const all = [...local, ...checks];
  return { ok: all.every(({ state }) => state !== 'fault'), site, reached, checks: all };
}

const NEXT = 'Name the site: edge-train doctor --site NAME.';
