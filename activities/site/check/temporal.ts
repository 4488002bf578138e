import { isLoopback } from '../../../domain/temporal-server.ts';
import { ServiceError } from '../../../services/errors.ts';
import { mintToken } from '../../../services/temporal-token.ts';
import { openTunnel } from '../../../services/tunnel.ts';
import { connectThroughUplink } from '../../../services/uplink.ts';
import { anonymousCalls, askTemporal, type TemporalFront } from '../../ask-temporal.ts';
import { needs, type CheckWork } from '../../checks.ts';
import type { SiteDependencies } from '../dependencies.ts';
import type { SiteSession } from '../site-session.ts';

const MINUTES = 10;

/**
 * What VMs meet at Temporal's front, by their own way: that it takes the credential that they have, and nobody without. Where
 * each has its own, one is made for this check.
 */
export function temporalCheck(session: SiteSession, dependencies: SiteDependencies): CheckWork {
  const { uplink, temporal } = session.site;
  const { address, namespace, jwt, apiKey, tls } = temporal;
  return {
    name: 'VMs’ credential',
    look: async () => {
      if (!jwt && !apiKey && isLoopback(address)) return `none is needed at ${address}`;
      await needs(
        'the uplink to Temporal',
        connectThroughUplink(uplink, address).then((socket) => socket.destroy()),
      );
      const token = await credential(session, dependencies);
      const front = await openFront(session);
      try {
        if ((await askTemporal(front)) === 'answers') throw anonymousCalls(address, namespace);
        if (token === undefined) throw none(address);
        const reception = await askTemporal(front, token);
        if (reception !== 'answers') throw notTaken(address, reception, jwt?.keyId);
      } finally {
        front.close();
      }
      const detail = `${address} takes ${jwt ? `what the key ${jwt.keyId} signs` : 'temporal.apiKey'}, and no anonymous call`;
      return tls || isLoopback(address) ? detail : { detail, advice: READABLE };
    },
  };
}

const READABLE =
  'temporal.tls is false: whoever can listen between the site and Temporal can take the VMs’ credentials. Give Temporal’s front TLS.';

async function credential({ site }: SiteSession, { secrets, now }: SiteDependencies): Promise<string | undefined> {
  const { jwt, apiKey, namespace } = site.temporal;
  if (!jwt) return apiKey && secrets.resolve(apiKey);
  const signingKey = await secrets.resolve(jwt.signingKey);
  const request = { ...jwt, signingKey, subject: 'doctor', namespace, minutes: MINUTES, now: now?.() ?? new Date() };
  return (await mintToken(request)).token;
}

/** As the worker on a VM dials. */
async function openFront({ site, ca }: SiteSession): Promise<TemporalFront & { close(): void }> {
  const { address, namespace, tls } = site.temporal;
  const tunnel = await openTunnel(site.uplink, address);
  const trust = ca === undefined ? {} : { serverRootCACertificate: Buffer.from(ca) };
  const named = { serverNameOverride: address.replace(/:\d+$/, ''), ...trust };
  return { ...tunnel, namespace, tls: tls ? named : false };
}

function none(address: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'MachinesRefused',
    cause: `Temporal at ${address} demands a credential, and site.yml names none for VMs.`,
    nextStep: 'Add temporal.jwt, or temporal.apiKey, to site.yml.',
    retryable: false,
  });
}

function notTaken(address: string, reception: 'refuses' | 'silent', keyId: string | undefined): ServiceError {
  const what = keyId === undefined ? 'temporal.apiKey' : `what temporal.jwt signs with the key ${keyId}`;
  return new ServiceError({
    class: 'policy',
    type: 'MachinesRefused',
    cause: `Temporal at ${address} ${reception === 'silent' ? 'does not answer to' : 'refuses'} ${what}: no VM would be let in.`,
    nextStep:
      reception === 'silent'
        ? 'Check temporal.tls in site.yml, and that the front demands no client certificate of VMs.'
        : 'Check that the server’s key set has the key’s public half under this id, and the namespace, which the credential is for.',
    retryable: false,
  });
}
