import { clockAheadOf, requireSameTime } from '../services/clock.ts';
import { NotChecked } from './checks.ts';

/** Against every service that tells its time. @throws ServiceError `ClockWrong` */
export async function compareClocks(services: readonly string[], ca: string | undefined): Promise<string> {
  const ahead = await Promise.all(services.map((service) => clockAheadOf(service, ca)));
  const told = services.flatMap((service, i) => (ahead[i] === undefined ? [] : [{ service, ahead: ahead[i] }]));
  if (told.length === 0) throw new NotChecked('not checked: no service told its time');
  for (const each of told) requireSameTime(each.service, each.ahead);
  return `as that of ${told.map(({ service }) => new URL(service).host).join(' and ')}, to a second or so`;
}
