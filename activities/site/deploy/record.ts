import {
  DeploymentRecord,
  type DeployedVersion,
  type DeploymentList,
  type DeploymentPlan,
  type RoutedModel,
} from '../../../domain/deployment.ts';
import { DEPLOYMENTS, deploymentPath } from '../../../domain/resource-names.ts';
import {
  ensureContainer,
  hasContainer,
  listBlobs,
  putIfAbsent,
  readText,
  replaceText,
  type BlobContainer,
} from '../../../services/blob-storage.ts';
import { deleteBlobs } from '../../../services/delete-blobs.ts';
import { canonicalJson } from '../../../services/signing.ts';
import type { SiteSession } from '../site-session.ts';

const TYPE = 'application/json';

/** Beside the run container, since no VM is ever granted anything there: what it says decides which VM may be switched off. */
async function records(session: SiteSession): Promise<BlobContainer> {
  const { account, container } = session.site.runs;
  return (await session.account(account)).container(`${container.slice(0, 51)}-deployments`);
}

export async function readRecord(session: SiteSession, model: string): Promise<DeploymentRecord | undefined> {
  const container = await records(session);
  if (!(await hasContainer(container))) return undefined;
  const text = await readText(container, deploymentPath(model));
  return text === undefined ? undefined : DeploymentRecord.parse(JSON.parse(text));
}

/** All models that serve at the site, by name. */
export async function listDeployments(session: SiteSession): Promise<DeploymentList> {
  const container = await records(session);
  const deployments: DeploymentRecord[] = [];
  if (await hasContainer(container)) {
    for await (const { path } of listBlobs(container, DEPLOYMENTS)) {
      const text = await readText(container, path);
      if (text !== undefined) deployments.push(DeploymentRecord.parse(JSON.parse(text)));
    }
  }
  return { site: session.site.name, deployments };
}

/** Names of the models that serve on a VM, which must stay up for them. */
export async function servedOn(session: SiteSession, machine: string): Promise<string[]> {
  const { deployments } = await listDeployments(session);
  return deployments.filter(({ virtualMachine }) => virtualMachine === machine).map(({ model }) => model);
}

/**
 * The version serves from now on; the last that was another is what `rollback` goes back to. Asked again for the same service it
 * is the same.
 */
export async function recordDeployment(
  session: SiteSession,
  { plan, deployed, ...routed }: RoutedModel & { plan: DeploymentPlan; deployed: DeployedVersion },
): Promise<DeploymentRecord> {
  const container = await records(session);
  await ensureContainer(container);
  const before = await readRecord(session, plan.model);
  const { site, model, replaces } = plan;
  if (before?.current.service === deployed.service) {
    const now = await moved(container, before, routed);
    await renewOthers(session, now);
    return now;
  }
  const previous = replaces && replaces.version !== deployed.version ? replaces : before?.previous;
  const virtualMachine = plan.virtualMachine.name;
  const record: DeploymentRecord = {
    ...{ site, model, virtualMachine, ...routed, current: deployed },
    ...(previous ? { previous } : {}),
  };
  const path = deploymentPath(model);
  const text = canonicalJson(record);
  if (!(await putIfAbsent(container, path, text, TYPE))) await replaceText(container, path, text, TYPE);
  await renewOthers(session, record);
  return record;
}

/** Asked at another place now; of the same place nothing is written. */
async function moved(
  container: BlobContainer,
  record: DeploymentRecord,
  routed: RoutedModel,
): Promise<DeploymentRecord> {
  const { address: _, certificate: __, ...rest } = record;
  const now = { ...rest, ...routed };
  const text = canonicalJson(now);
  if (text !== canonicalJson(record)) await replaceText(container, deploymentPath(record.model), text, TYPE);
  return now;
}

/** A VM has one address and one certificate for all models that are asked from elsewhere. */
async function renewOthers(session: SiteSession, { model, virtualMachine, address, certificate }: DeploymentRecord) {
  if (address === undefined || certificate === undefined) return;
  const { hostname } = new URL(address);
  for (const other of (await listDeployments(session)).deployments) {
    if (other.model === model || other.virtualMachine !== virtualMachine || other.certificate === undefined) continue;
    const place = { address: `https://${hostname}:${other.port}`, certificate };
    await moved(await records(session), other, { port: other.port, ...place });
  }
}

export async function forgetDeployment(session: SiteSession, { model }: DeploymentPlan): Promise<void> {
  const container = await records(session);
  if (await hasContainer(container)) await deleteBlobs(container, [deploymentPath(model)]);
}
