import { hasContainer, type BlobAccount } from '../../../services/blob-storage.ts';
import type { StackHub } from '../../../services/stack-hub/session.ts';
import { needs, once, type CheckWork } from '../../checks.ts';
import { requireContainer } from '../../require-container.ts';
import type { SiteSession } from '../site-session.ts';

/** Each storage account with its key, each data store, and where runs leave what they leave. */
export function storageChecks(session: SiteSession, signIn: () => Promise<StackHub>): CheckWork[] {
  const { storageAccounts, dataStores, runs } = session.site;
  const accounts = new Map(
    Object.keys(storageAccounts).map((name) => [name, once(() => openAccount(session, name, signIn))]),
  );
  const account = (name: string) => needs(`the storage account ${name}`, (accounts.get(name) ?? missing)());
  return [
    ...[...accounts].map(([name, open]) => ({
      name: `storage account ${name}`,
      look: async () => (await open(), `${storageAccounts[name]?.blobEndpoint} takes the key`),
    })),
    ...Object.entries(dataStores).map(([name, { account: of, container }]) => ({
      name: `data store ${name}`,
      look: async () => {
        await requireContainer(
          (await account(of)).container(container),
          `${container} of dataStores.${name} in site.yml`,
        );
        return `${of}/${container}`;
      },
    })),
    {
      name: 'run container',
      look: async () => {
        const there = await hasContainer((await account(runs.account)).container(runs.container));
        return `${runs.account}/${runs.container}${there ? '' : ', which the first run makes'}`;
      },
    },
  ];
}

/** With its key, tried on a container that may be absent: who may not look is told so before that. */
async function openAccount(session: SiteSession, name: string, signIn: () => Promise<StackHub>): Promise<BlobAccount> {
  const { storageAccounts, dataStores, runs } = session.site;
  if (storageAccounts[name]?.key === undefined) await needs('the sign-in at the Stack Hub', signIn());
  const account = await session.account(name);
  const used = [...Object.values(dataStores), runs].find((each) => each.account === name);
  if (used) await hasContainer(account.container(used.container));
  return account;
}

/** `readSiteFile` refuses a file that names an account which is not there. */
const missing = () => Promise.reject<BlobAccount>(new TypeError('no such storage account'));
