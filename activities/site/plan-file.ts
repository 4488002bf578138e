import { siteRunPath, type JobId } from '../../domain/resource-names.ts';
import { STATEMENT_TYPE } from '../../domain/statement.ts';
import { PlanFile, type TrainingPlan } from '../../domain/training-plan.ts';
import { putIfAbsent, readText, replaceText, type BlobContainer } from '../../services/blob-storage.ts';
import { ServiceError } from '../../services/errors.ts';
import { canonicalJson, publicKeyOf, sha256, signStatement, verifyStatement } from '../../services/signing.ts';
import type { SiteDependencies } from './dependencies.ts';
import type { SiteSession } from './site-session.ts';

/**
 * `plan.json` says what a run may read, and VMs may write to the container in which it stands. So beside it stands this
 * worker's signature (`plan.sig.json`), and a plan without it, or another's, is no plan.
 */
const PLAN_TYPE = 'https://edge-train.dev/plan/v1';

export const planPath = (job: JobId): string => siteRunPath(job, 'plan.json');
const signaturePath = (job: JobId): string => siteRunPath(job, 'plan.sig.json');

/** The plan that this worker froze for a job; undefined where there is none of its own. @throws ServiceError */
export async function readPlanFile(
  session: SiteSession,
  dependencies: SiteDependencies,
  job: JobId,
): Promise<PlanFile | undefined> {
  const runs = await runContainer(session);
  const [signature, text] = [await readText(runs, signaturePath(job)), await readText(runs, planPath(job))];
  if (signature === undefined || text === undefined) return undefined;
  const publicKey = publicKeyOf(await dependencies.secrets.resolve(session.site.receiptKey));
  const statement = verified(signature, publicKey);
  if (canonicalJson(statement) !== canonicalJson(planStatement(job, text))) return undefined;
  return PlanFile.parse(JSON.parse(text));
}

/** Writes it once. What lies there unsigned (an attempt that was cut off, or a VM's mischief) gives way. @throws ServiceError */
export async function keepPlanFile(
  session: SiteSession,
  dependencies: SiteDependencies,
  file: PlanFile,
): Promise<void> {
  const { job } = file.plan;
  const runs = await runContainer(session);
  const key = await dependencies.secrets.resolve(session.site.receiptKey);
  const text = canonicalJson(file);
  const signature = canonicalJson(signStatement(planStatement(job, text), key));
  if (!(await putIfAbsent(runs, planPath(job), text, 'application/json')))
    await replaceText(runs, planPath(job), text, 'application/json');
  await replaceText(runs, signaturePath(job), signature, 'application/json');
}

/** The frozen plan, which must be the one that the workflow speaks of. @throws ServiceError `PlanForged` (policy) */
export async function requirePlanFile(
  session: SiteSession,
  dependencies: SiteDependencies,
  plan: TrainingPlan,
): Promise<PlanFile> {
  const file = await readPlanFile(session, dependencies, plan.job);
  if (file && canonicalJson(file.plan) === canonicalJson(plan)) return file;
  throw new ServiceError({
    class: 'policy',
    type: 'PlanForged',
    cause: `The site ${session.site.name} ${file ? 'planned the job otherwise than the workflow says' : 'has no signed plan of the job'} ${plan.job}.`,
    nextStep:
      'Start the run again. If this comes back, find out who changed the workflow’s state or the site’s run container.',
    retryable: false,
  });
}

export async function runContainer(session: SiteSession): Promise<BlobContainer> {
  const { account, container } = session.site.runs;
  return (await session.account(account)).container(container);
}

function planStatement(job: JobId, text: string): object {
  return {
    _type: STATEMENT_TYPE,
    subject: [{ name: planPath(job), digest: { sha256: sha256(text) } }],
    predicateType: PLAN_TYPE,
    predicate: { job },
  };
}

function verified(signature: string, publicKey: string): unknown {
  try {
    return verifyStatement(JSON.parse(signature), publicKey);
  } catch {
    return undefined;
  }
}
