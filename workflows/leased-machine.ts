import { log } from '@temporalio/workflow';
import type { EdgeActivities } from '../activities/contract.ts';
import type { Failure } from '../domain/failure.ts';
import type { TrainingPlan } from '../domain/training-plan.ts';
import type { VirtualMachine } from '../domain/virtual-machine.ts';
import { failWith, isSilence } from './failure.ts';
import type { Lease } from './lease.ts';
import { edgeSteps, LONG_SILENCE, MACHINE_RESTARTS, OFFLINE_TOLERANCE, SILENCE, siteSteps } from './steps.ts';

/**
 * The VM under a run. A silent VM is asked about, not presumed dead: while the Stack Hub says that it runs, its uplink
 * may be cut, and it is waited for; when it was stopped, the VM's workflow starts it again; when it is gone, that is all.
 */
export class LeasedMachine {
  readonly machine: VirtualMachine;
  readonly #lease: Lease;
  readonly #trainingSeconds: number;
  #restarts = 0;
  #gone = false;

  constructor(machine: VirtualMachine, lease: Lease, plan?: Pick<TrainingPlan, 'limits'>) {
    this.machine = machine;
    this.#lease = lease;
    this.#trainingSeconds = plan?.limits.seconds ?? 0;
  }

  /** It was deleted or replaced: there is nobody to ask. */
  get isGone(): boolean {
    return this.#gone;
  }

  /** Does a step on the VM, however long it is silent within the tolerance. */
  async do<T>(step: (edge: EdgeActivities) => Promise<T>): Promise<T> {
    let silentSince: number | undefined;
    for (;;) {
      const asked = Date.now();
      const silence = silentSince === undefined ? SILENCE : LONG_SILENCE;
      try {
        return await step(edgeSteps(this.machine.queue, { silence, trainingSeconds: this.#trainingSeconds }));
      } catch (error) {
        if (!isSilence(error)) throw error;
        silentSince ??= asked;
        await this.#outlast(silentSince, error);
      }
    }
  }

  /** Returns when it is worth asking the VM again. */
  async #outlast(silentSince: number, silence: unknown): Promise<void> {
    const { name } = this.machine;
    const power = await siteSteps().inspectVirtualMachine(name);
    log.warn('the VM is silent', { virtualMachine: name, power });
    switch (power) {
      case 'absent':
        throw this.#lost(silence);
      case 'running':
      case 'starting':
      case 'unreachable': // a host's power is not ours: it may be off, or cut off, and comes back by itself
        if (Date.now() - silentSince > OFFLINE_TOLERANCE) throw failWith(silent(name), silence);
        return;
      case 'stopped':
      case 'deallocated':
        if (++this.#restarts > MACHINE_RESTARTS) throw failWith(stopped(name), silence);
        await this.#startAgain();
    }
  }

  async #startAgain(): Promise<void> {
    const again = await this.#lease.take();
    const { queue, publicKey } = this.machine;
    if (again.queue !== queue || again.publicKey.x !== publicKey.x) throw this.#lost();
  }

  #lost(silence?: unknown): Error {
    this.#gone = true;
    return failWith(gone(this.machine.name), silence);
  }
}

const gone = (name: string): Failure => ({
  class: 'host',
  type: 'MachineGone',
  cause: `the VM ${name} was deleted or replaced while the run used it`,
  nextStep: 'Start the run again: it makes the VM anew.',
});

const silent = (name: string): Failure => ({
  class: 'host',
  type: 'MachineSilent',
  cause: `the VM ${name} is there, but has not been heard of for ${OFFLINE_TOLERANCE / 3_600_000} hours`,
  nextStep: 'Check its way to Temporal: the uplink, its allow-list, and the worker’s service on the VM.',
});

const stopped = (name: string): Failure => ({
  class: 'host',
  type: 'MachineStopped',
  cause: `the VM ${name} was stopped ${MACHINE_RESTARTS + 1} times under this run`,
  nextStep: 'Ask the operator why it is stopped; then start the run again.',
});
