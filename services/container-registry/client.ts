import { ContainerRegistryClient } from '@azure/container-registry';
import type { Registry } from './session.ts';

/** The official client of `/acr/v1`: what is in the registry, and deletes. Temporal retries, so it does not. */
export const registryClient = (registry: Registry): ContainerRegistryClient =>
  new ContainerRegistryClient(
    `https://${registry.loginServer}`,
    // The constructor's type wants a credential; without one the client is anonymous.
    registry.credential as NonNullable<Registry['credential']>,
    {
      audience: registry.audience as never,
      retryOptions: { maxRetries: 0 },
      ...(registry.ca === undefined ? {} : { tlsOptions: { ca: registry.ca } }),
    },
  );
