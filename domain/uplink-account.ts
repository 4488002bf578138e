import { z } from 'zod';

/** What one VM sent through the uplink to one place. */
export const UplinkDestination = z.strictObject({
  /** HOST:PORT, as it was asked for. */
  to: z.string(),
  connections: z.int().min(0),
  /** How many of these the uplink refused. */
  refused: z.int().min(0),
  /** Bytes from the VM; absent where the log does not say. */
  sent: z.int().min(0).optional(),
  /** Bytes to the VM. */
  received: z.int().min(0),
});
export type UplinkDestination = z.infer<typeof UplinkDestination>;

/**
 * What the uplink's own log says of a run's VM: a witness that edge-train cannot write to. A connection that is still open is
 * not in it yet, such as the VM's own to Temporal.
 */
export const UplinkAccount = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('not configured') }),
  z.strictObject({ state: z.literal('unreadable'), why: z.string() }),
  z.strictObject({
    state: z.literal('read'),
    /** The VM's address, as the uplink sees it. */
    client: z.string(),
    from: z.iso.datetime(),
    until: z.iso.datetime(),
    destinations: z.array(UplinkDestination),
  }),
]);
export type UplinkAccount = z.infer<typeof UplinkAccount>;
