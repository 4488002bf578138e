import type { MachinePlan } from '../domain/training-plan.ts';
import type { EnrolledMachine, Hello, InstalledMachine, VirtualMachine } from '../domain/virtual-machine.ts';
import { attach } from './attach.ts';
import type { Compensation } from './compensation.ts';
import { failWith, isSilence } from './failure.ts';
import { BOOT_SILENCE, edgeSteps, siteSteps, UNDO_PATIENCE, WARM_SILENCE } from './steps.ts';

/**
 * From a plan to a VM that runs, carries our worker, has said hello, and is attached as the site wants.
 * `known` is the VM as it was last leased: when it answers at once, nothing is asked of the Stack Hub, unless the plan asks.
 */
export async function makeReady(
  plan: MachinePlan,
  known: VirtualMachine | undefined,
  undo: Compensation,
): Promise<VirtualMachine> {
  const mayBeWarm = known && known.size.name === plan.size.name && plan.upToDate === undefined;
  const warm = mayBeWarm ? await stillThere(known) : undefined;
  const machine = warm ?? (await bringUp(plan, undo));
  const computeTarget = await attach(plan, machine, known?.computeTarget, undo);
  return { ...machine, computeTarget };
}

async function stillThere(known: VirtualMachine): Promise<EnrolledMachine | undefined> {
  const { computeTarget: _, ...machine } = known;
  try {
    const hello = await edgeSteps(machine.queue, { silence: WARM_SILENCE, within: '30 seconds' }).hello();
    return isSame(machine, hello) ? { ...machine, created: false, bootId: hello.bootId } : undefined;
  } catch (error) {
    if (isSilence(error)) return undefined;
    throw error;
  }
}

/** An existing host is the operator's: nothing of it is undone. */
async function bringUp(plan: MachinePlan, undo: Compensation): Promise<EnrolledMachine> {
  return plan.host ? await greet(await siteSteps().adoptHost(plan)) : await makeMachine(plan, undo);
}

/** Whatever there is of it already is used. What this run makes, this run's failure takes away again. */
async function makeMachine(plan: MachinePlan, undo: Compensation): Promise<EnrolledMachine> {
  const absent = (await siteSteps().inspectVirtualMachine(plan.name)) === 'absent';
  if (absent)
    undo.register('delete the VM', async () => {
      await siteSteps(UNDO_PATIENCE).deleteVirtualMachine(plan.name);
    });
  const provisioned = await siteSteps().provisionVirtualMachine(plan);
  return await greet(await siteSteps().enrolVirtualMachine({ ...provisioned, created: absent }));
}

async function greet(installed: InstalledMachine): Promise<EnrolledMachine> {
  const hello = await edgeSteps(installed.queue, { silence: BOOT_SILENCE }).hello();
  if (!isSame(installed, hello)) throw failWith(mismatch(installed.name));
  return { ...installed, bootId: hello.bootId };
}

const isSame = (machine: InstalledMachine, { bundle, publicKey }: Hello): boolean =>
  bundle === machine.bundle && publicKey.x === machine.publicKey.x && publicKey.y === machine.publicKey.y;

const mismatch = (name: string) =>
  ({
    class: 'host',
    type: 'MachineMismatch',
    cause: `what answers for the VM ${name} has another bundle or another key than was put on it`,
    nextStep: 'Find out who else listens on that VM’s queue; delete the VM and start again.',
  }) as const;
