import { isCancellation, log } from '@temporalio/workflow';
import type { VirtualMachine } from '../domain/virtual-machine.ts';
import { toFailure } from './failure.ts';
import type { LeaseDesk } from './lease-desk.ts';
import { edgeSteps, INSTALL_PATIENCE, RENEWAL_PATIENCE, RENEWAL_RETRY, siteSteps, SILENCE } from './steps.ts';
import { whileWanted } from './while-wanted.ts';

/**
 * When the VM's own Temporal credential is renewed: at half of what is left of it, again and again until it is. A VM without
 * one that ends is never due. Renewing gives way to whatever happens at the desk meanwhile.
 */
export class CredentialRenewal {
  #expires: string | undefined;
  #due = 0;

  /** Milliseconds until it is due, or as many as are given when that is sooner. */
  within(known: VirtualMachine | undefined, milliseconds: number): number {
    return Math.min(milliseconds, Math.max(1, this.#dueAt(known) - Date.now()));
  }

  isDue(known: VirtualMachine | undefined): known is VirtualMachine {
    return this.#dueAt(known) <= Date.now();
  }

  /** Returns the VM as it is known afterwards: one that could not be asked is asked again later. */
  async renew(desk: LeaseDesk, known: VirtualMachine): Promise<VirtualMachine> {
    const { arrivals, held, next } = desk;
    const undisturbed = () =>
      desk.arrivals === arrivals && desk.held === held && desk.next === next && !desk.askedAgain;
    const outcome = await whileWanted(undisturbed, () => renewed(known));
    if (outcome.kind === 'ready') return { ...known, credentialExpires: outcome.value };
    this.#due = Date.now() + retryAfter(known);
    if (outcome.kind === 'failed')
      log.warn('the VM’s Temporal credential could not be renewed yet', {
        virtualMachine: known.name,
        expires: known.credentialExpires,
        cause: outcome.failure.cause,
      });
    return known;
  }

  #dueAt(known: VirtualMachine | undefined): number {
    const expires = known?.credentialExpires;
    if (expires === undefined) return Infinity;
    if (expires !== this.#expires) {
      this.#expires = expires;
      this.#due = Date.now() + left(expires) / 2;
    }
    return this.#due;
  }
}

const left = (expires: string): number => Math.max(0, Date.parse(expires) - Date.now());

function retryAfter({ credentialExpires = '' }: VirtualMachine): number {
  const { least, most, late } = RENEWAL_RETRY;
  const half = left(credentialExpires) / 2;
  return half > 0 ? Math.min(most, Math.max(least, half)) : late;
}

/** Returns until when the new one holds. A VM whose credential has run out takes no step: the Stack Hub, or SSH, brings it one. */
async function renewed({ name, queue, publicKey, credentialExpires = '' }: VirtualMachine): Promise<string> {
  try {
    const grant = await siteSteps(RENEWAL_PATIENCE).grantCredential({ machine: name, machineKey: publicKey });
    await edgeSteps(queue, { silence: SILENCE, within: RENEWAL_PATIENCE }).renewCredential({ grants: [grant] });
    return grant.expires;
  } catch (error) {
    if (isCancellation(error) || left(credentialExpires) > 0) throw error;
    log.warn('the VM’s Temporal credential has run out', { virtualMachine: name, cause: toFailure(error).cause });
  }
  const power = await siteSteps(RENEWAL_PATIENCE).inspectVirtualMachine(name);
  if (power !== 'running') throw new Error(`the VM is ${power}`);
  return (await siteSteps(INSTALL_PATIENCE).installCredential(name)).expires;
}
