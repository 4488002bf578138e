import { CLOCK_TOLERANCE_MS, clockText } from '../domain/check.ts';
import { ServiceError } from './errors.ts';
import { httpsSender } from './https.ts';

/**
 * How far this machine's clock is ahead of a service's, by the Date header of whatever it answers (RFC 9110, 6.6.1: whole
 * seconds); undefined where it gives none or does not answer.
 */
export async function clockAheadOf(url: string, ca: string | undefined): Promise<number | undefined> {
  const asked = Date.now();
  try {
    const answer = await httpsSender(ca)({ url: new URL('/', url).href, method: 'GET', headers: {}, timeout: 10_000 });
    const theirs = Date.parse(answer.headers.get('date') ?? '');
    const answered = Date.now();
    return Number.isNaN(theirs) ? undefined : (asked + answered) / 2 - (theirs + 500);
  } catch {
    return undefined;
  }
}

/** @throws ServiceError `ClockWrong` (host) */
export function requireSameTime(service: string, aheadMs: number): void {
  if (Math.abs(aheadMs) <= CLOCK_TOLERANCE_MS) return;
  throw new ServiceError({
    class: 'host',
    type: 'ClockWrong',
    cause: `The worker’s clock is ${clockText(aheadMs)} that of ${service}.`,
    nextStep:
      'Set both clocks by NTP (here: timedatectl set-ntp true): tokens and signatures of another time are refused.',
    retryable: false,
  });
}
