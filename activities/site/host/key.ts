import { STATEMENT_TYPE } from '../../../domain/statement.ts';
import { MachineKey } from '../../../domain/virtual-machine.ts';
import { readText, replaceText } from '../../../services/blob-storage.ts';
import { canonicalJson, publicKeyOf, sha256, signStatement, verifyStatement } from '../../../services/signing.ts';
import type { SiteDependencies } from '../dependencies.ts';
import { runContainer } from '../plan-file.ts';
import type { SiteSession } from '../site-session.ts';

/**
 * `hosts/NAME.json` in the run container: a host's public key, as ARM's record has a VM's. VMs may write there, so it is signed
 * with the site's key, and the site and the host are in what is signed. Kept here rather than asked of the host, so that a run
 * is granted anew while SSH to the host is shut; who overwrites it makes the host be adopted again, and no more.
 */
const HOST_KEY_TYPE = 'https://edge-train.dev/host-key/v1';
const keyPath = (host: string): string => `hosts/${host}.json`;

/** @throws ServiceError */
export async function keepHostKey(
  session: SiteSession,
  dependencies: SiteDependencies,
  host: string,
  publicKey: MachineKey,
): Promise<void> {
  if (canonicalJson((await readHostKey(session, dependencies, host)) ?? null) === canonicalJson(publicKey)) return;
  const key = await dependencies.secrets.resolve(session.site.receiptKey);
  const envelope = signStatement(statement(session.site.name, host, publicKey), key);
  await replaceText(await runContainer(session), keyPath(host), canonicalJson(envelope), 'application/json');
}

/** Undefined where there is none that this site signed for this host. @throws ServiceError */
export async function readHostKey(
  session: SiteSession,
  dependencies: SiteDependencies,
  host: string,
): Promise<MachineKey | undefined> {
  const text = await readText(await runContainer(session), keyPath(host));
  if (text === undefined) return undefined;
  const signer = publicKeyOf(await dependencies.secrets.resolve(session.site.receiptKey));
  const said = verified(text, signer);
  const key = MachineKey.safeParse(said?.predicate?.publicKey);
  if (!key.success) return undefined;
  return canonicalJson(said) === canonicalJson(statement(session.site.name, host, key.data)) ? key.data : undefined;
}

function statement(site: string, host: string, publicKey: MachineKey): object {
  return {
    _type: STATEMENT_TYPE,
    subject: [{ name: keyPath(host), digest: { sha256: sha256(canonicalJson(publicKey)) } }],
    predicateType: HOST_KEY_TYPE,
    predicate: { site, host, publicKey },
  };
}

function verified(text: string, signer: string): { predicate?: { publicKey?: unknown } } | undefined {
  try {
    return verifyStatement(JSON.parse(text), signer) as { predicate?: { publicKey?: unknown } };
  } catch {
    return undefined;
  }
}
