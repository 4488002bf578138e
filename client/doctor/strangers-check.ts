import { Connection } from '@temporalio/client';
import type { Check } from '../../domain/check.ts';
import { codeOf, GRPC, mustRefuseStrangers, receptionOf, strangersLetIn } from '../../domain/temporal-server.ts';
import { failed } from '../command-error.ts';
import type { TemporalClient } from '../temporal/connect.ts';
import { check } from './local-checks.ts';

/** Whether the server answers who shows no key, no certificate and no header. */
export function strangersCheck(temporal: TemporalClient): Promise<Check> {
  const { address, namespace, showsCredential } = temporal;
  return check('anonymous calls', async () => {
    if (receptionOf(await statusOfStranger(temporal)) !== 'answers') return `${address} refuses them`;
    if (!mustRefuseStrangers(address, showsCredential)) return `let in, at this machine’s own ${address}`;
    throw failed({ class: 'policy', type: 'AnonymousCalls', ...strangersLetIn(address, namespace) });
  });
}

/** Over the same TLS and with the same trust; a call that takes a permission, and no second try. */
async function statusOfStranger({ address, namespace, tls }: TemporalClient): Promise<number> {
  const { clientCertPair: _, ...trust } = typeof tls === 'object' && tls ? tls : {};
  const stranger = Connection.lazy({ address, tls: tls ? trust : false, interceptors: [] });
  try {
    const call = () => stranger.workflowService.describeNamespace({ namespace });
    await stranger.withDeadline(Date.now() + 5_000, call);
    return GRPC.ok;
  } catch (error) {
    return codeOf(error);
  } finally {
    await stranger.close();
  }
}
