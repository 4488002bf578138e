import type { TrainingPlan } from '../../domain/training-plan.ts';
import { siteRunPath } from '../../domain/resource-names.ts';
import { ServiceError } from '../../services/errors.ts';
import type { JobStatus, StartResult } from '../../services/systemd.ts';
import { TASKS } from './job-limits.ts';

/**
 * The start that succeeded, or the failure that the job's end is. Says how it ended and never what it printed: the log is
 * on site. Only a zero exit that the in-cage helper saw is a success.
 */
export function outcome(plan: TrainingPlan, status: JobStatus): StartResult {
  const { result, stop } = status;
  const failed = (verdict: Omit<ConstructorParameters<typeof ServiceError>[0], 'retryable'>) =>
    new ServiceError({ ...verdict, retryable: false });
  const log = `The script's output is on site: edge-train logs, or ${jobLogPath(plan)} in the run container.`;

  if (stop === 'disk-full') {
    return raise(
      failed({
        class: 'host',
        type: 'DiskFull',
        cause: 'The job was stopped because the VM’s disk was nearly full.',
        nextStep: 'Let the script write less, or ask for a VM with a larger disk.',
      }),
    );
  }
  if (stop || !result) {
    return raise(
      failed({
        class: 'input',
        type: 'JobStopped',
        cause: `The job was stopped on the VM (${stop ?? 'unknown'}).`,
        nextStep: 'Start the run again to train.',
      }),
    );
  }
  if (result.cage.refused) {
    return raise(
      failed({
        class: 'host',
        type: 'CageRefused',
        cause: `The cage on the VM does not hold, so nothing was started: ${result.cage.refused.slice(0, 5).join('; ')}.`,
        nextStep:
          'Look at what changed edge-train-job@.service or systemd on the VM, or delete the VM: the next is new.',
      }),
    );
  }
  // Where the script had ended, what took too long is a process that it left and that did not end on TERM.
  if (result.serviceResult === 'timeout' && !result.cage.finished) {
    return raise(
      failed({
        class: 'script',
        type: 'TimedOut',
        cause: `The script ran for ${plan.limits.seconds} s, which is its limit, and was ended.`,
        nextStep: `Raise limits.timeout in the job file, or let it train less. ${log}`,
      }),
    );
  }
  if (result.serviceResult === 'oom-kill' || (result.oomKills ?? 0) > 0) {
    return raise(
      failed({
        class: 'quota',
        type: 'OutOfMemory',
        cause: `The script, or a process of it, was killed: out of memory at ${memoryUsed(plan, result)}.`,
        nextStep: `${largerSize(plan)}, or let the script hold less at once. ${log}`,
      }),
    );
  }
  const tasks = result.tasksRefused ?? 0;
  if (tasks > 0 && result.cage.finished?.exit !== 0) {
    return raise(
      failed({
        class: 'script',
        type: 'TooManyTasks',
        cause: `The script ended with ${ending(result)} after it was refused a process or thread ${tasks} times: ${TASKS} at once is the limit.`,
        nextStep: `Let it start fewer (n_jobs, num_workers, OMP_NUM_THREADS). ${log}`,
      }),
    );
  }
  const ended = ['success', 'timeout'].includes(result.serviceResult) && result.exitCode === 'exited';
  if (ended && result.cage.finished?.exit === 0) return result;
  return raise(
    failed({
      class: 'script',
      type: 'ScriptFailed',
      cause: `The script ended with ${ending(result)}.`,
      nextStep: `Correct the script; it is not tried again as it is. ${log}`,
    }),
  );
}

/** Reboots and power cuts ended it each time. */
export function interrupted(status: JobStatus): ServiceError {
  return new ServiceError({
    class: 'host',
    type: 'JobInterrupted',
    cause: `The VM went down ${status.starts} times while the script ran, and it is not started again.`,
    nextStep: 'Find out why the VM restarts. A script that resumes from a checkpoint loses less.',
    retryable: false,
  });
}

/** The log's blob, below the site's run container. */
export const jobLogPath = (plan: TrainingPlan): string => siteRunPath(plan.job, 'job.log');

function ending({ exitCode, exitStatus, cage }: StartResult): string {
  if (cage.finished?.exit !== undefined) return `exit code ${cage.finished.exit}`;
  return exitCode === 'exited' ? `exit code ${exitStatus}` : `signal ${exitStatus || 'unknown'}`;
}

/** `3.4 of 3.5 GiB`; the limit alone where the kernel keeps no peak. */
function memoryUsed({ limits }: TrainingPlan, { memoryPeak }: StartResult): string {
  const limit = limits.memoryMiB / 1024;
  const used = memoryPeak ? `${Math.min(memoryPeak / 2 ** 30, limit).toFixed(1)} of ` : '';
  return `${used}${limit.toFixed(1)} GiB`;
}

function largerSize({ virtualMachine: { host, larger } }: TrainingPlan): string {
  if (host) return 'Choose a host or a VM with more memory';
  return larger
    ? `Choose the VM size ${larger} (virtualMachine.size), let the run go on with it by itself (virtualMachine.onOutOfMemory: larger)`
    : 'The site allows no larger VM: ask its operator for one';
}

function raise(error: ServiceError): never {
  throw error;
}
