import { z } from 'zod';
import { Failure } from './failure.ts';
import { MachineSize } from './machine-size.ts';
import { JobId, Sha256, VirtualMachineName } from './resource-names.ts';
import { MachinePlan } from './training-plan.ts';

/** A P-256 public key as a JWK (RFC 7518); what is sealed to it, only this VM can open. */
export const MachineKey = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
});
export type MachineKey = z.infer<typeof MachineKey>;

/** A VM that runs, on Stack Hub; or an existing host. */
export const ProvisionedMachine = z.strictObject({
  name: VirtualMachineName,
  /** Azure's id; of a host `hosts/NAME`, as `site.yml` has it. */
  resourceId: z.string(),
  size: MachineSize,
  privateAddress: z.string(),
  /** True when this call made it: then the run that asked may undo it. */
  created: z.boolean(),
});
export type ProvisionedMachine = z.infer<typeof ProvisionedMachine>;

/** The VM with our worker's bundle on it, as ARM knows it; it has not said hello yet. */
export const InstalledMachine = z.strictObject({
  ...ProvisionedMachine.shape,
  publicKey: MachineKey,
  bundle: Sha256,
  queue: z.string(),
  /** Until when its own Temporal credential holds; absent where it has none that ends. */
  credentialExpires: z.iso.datetime().optional(),
});
export type InstalledMachine = z.infer<typeof InstalledMachine>;

/** The VM with our worker on it, which has said hello with this bundle and this key. */
export const EnrolledMachine = z.strictObject({ ...InstalledMachine.shape, bootId: z.string() });
export type EnrolledMachine = z.infer<typeof EnrolledMachine>;

/** What Azure ML knows of the VM: `attached`, or why not. Training needs it in neither case. */
export const ComputeTarget = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('attached'), name: z.string(), resourceId: z.string() }),
  z.strictObject({ state: z.literal('unattached'), name: z.string(), reason: z.string() }),
]);
export type ComputeTarget = z.infer<typeof ComputeTarget>;

/** A leased VM: all that a run must know of it. */
export const VirtualMachine = z.strictObject({ ...EnrolledMachine.shape, computeTarget: ComputeTarget });
export type VirtualMachine = z.infer<typeof VirtualMachine>;

/** What `hello` answers from the VM's own queue. `clock` is ISO 8601. */
export const Hello = z.strictObject({
  bundle: Sha256,
  bootId: z.uuid(),
  clock: z.iso.datetime(),
  publicKey: MachineKey,
});
export type Hello = z.infer<typeof Hello>;

export const Holder = z.strictObject({ workflowId: z.string(), runId: z.string(), job: JobId });
export type Holder = z.infer<typeof Holder>;

/** One key a holder: two requests with the same key are one. A run that was reset is the same holder under another run id. */
export const holderKey = ({ workflowId, job }: Holder): string => `${job} ${workflowId}`;

export const LeaseRequest = z.strictObject({ holder: Holder, machine: MachinePlan });
export type LeaseRequest = z.infer<typeof LeaseRequest>;

/** `clean`: the holder has removed its job's folders itself. */
export const LeaseReturn = z.strictObject({ holder: Holder, clean: z.boolean(), after: MachinePlan.shape.after });
export type LeaseReturn = z.infer<typeof LeaseReturn>;

export const LeaseAnswer = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('leased'), virtualMachine: VirtualMachine }),
  z.strictObject({ kind: z.literal('refused'), failure: Failure }),
]);
export type LeaseAnswer = z.infer<typeof LeaseAnswer>;

/**
 * What Azure says of a VM that has gone silent. Of a host nobody can say more than whether it answers: it is `running` or
 * `unreachable`.
 */
export const PowerState = z.enum(['running', 'stopped', 'deallocated', 'starting', 'absent', 'unreachable']);
export type PowerState = z.infer<typeof PowerState>;
