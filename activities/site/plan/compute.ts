import { computeName } from '../../../domain/compute.ts';
import type { SiteFile } from '../../../domain/site-file.ts';
import type { TrainModelInput } from '../../../domain/train-model-input.ts';
import { shown, type Issue } from '../../../domain/validation.ts';
import type { Choice } from '../plan-training.ts';

/** Which machine a training asks for, and where it says so. Nothing: the smallest VM that holds the job. */
export interface WantedMachine {
  readonly name?: string;
  readonly host?: string;
  readonly size?: string;
  /** For faults of the size. */
  readonly sizeAt: string;
}

/** What the training says itself; where it says nothing, what the job file's `compute` means on this site. */
export function wantedMachine(site: SiteFile, { job, virtualMachine }: TrainModelInput): Choice<WantedMachine> {
  const { size, name, host, after } = virtualMachine;
  const type = job.resources?.instance_type;
  const own = { ...defined({ name, host, size: size ?? type }), sizeAt: size ? AT_SIZE : AT_TYPE };
  if (job.compute === undefined || size || name || host) return { value: own, issues: [] };

  const compute = computeName(job.compute);
  const found = Object.hasOwn(site.computes, compute) ? site.computes[compute] : undefined;
  const refuse = (path: string, rule: string, value: string): Choice<WantedMachine> => ({
    issues: [{ path, rule, value: shown(value) } satisfies Issue],
  });
  if (!found) return refuse('job.compute', unknown(site), job.compute);
  if (type !== undefined && found.size !== undefined && type.toLowerCase() !== found.size.toLowerCase())
    return refuse(AT_TYPE, `the compute ${compute} is ${found.size} on this site; leave one of the two out`, type);
  if (found.host !== undefined && after !== 'keep')
    return refuse('virtualMachine.after', `must be keep: the compute ${compute} is the host ${found.host} here`, after);
  const { virtualMachine: machine } = found;
  const wanted = defined({ name: machine, host: found.host, size: found.size ?? type });
  return { value: { ...wanted, sizeAt: found.size ? 'job.compute' : AT_TYPE }, issues: [] };
}

const AT_SIZE = 'virtualMachine.size';
const AT_TYPE = 'job.resources.instance_type';

function unknown({ computes }: SiteFile): string {
  const known = Object.keys(computes).sort().join(', ');
  const has = known ? `this site’s computes are ${known}; name one (--set compute=…)` : 'this site maps no compute';
  return `${has}, say virtualMachine in training.yml, or let the operator add it to computes in site.yml`;
}

function defined<T extends Record<string, string | undefined>>(values: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: string;
  };
}
