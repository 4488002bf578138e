import type { SealedGrant } from '../../domain/grant.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { openGrant } from './grants.ts';

/** Takes up the VM's next Temporal credential: what runs goes on. @throws ServiceError `SealBroken`, `GrantExpired` */
export async function renewCredential(edge: EdgeDependencies, grants: readonly SealedGrant[]): Promise<void> {
  const { kind: _, ...credential } = await openGrant('credential', grants, edge.machineKey);
  await edge.takeCredential(credential);
}
