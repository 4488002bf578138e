import { canonicalArtifacts } from '../../domain/release.ts';
import type { RegistrationRequest } from '../../domain/model-version.ts';
import { RECEIPT_TYPE, ReceiptPredicate, receiptStatement } from '../../domain/statement.ts';
import { ServiceError } from '../../services/errors.ts';
import { canonicalJson, sha256, verifyStatement } from '../../services/signing.ts';
import { siteOf, type CloudFile } from '../../domain/cloud-file.ts';

/**
 * Without a receipt of its own site nothing is registered: the signature by the key that `cloud.yml` has for the site, the
 * digest, and every word of it against the evidence. @throws ServiceError `SignatureInvalid`, `ReceiptRefused` (policy)
 */
export function verifyReceipt(
  sites: CloudFile['sites'],
  { evidence, receipt, holder }: Pick<RegistrationRequest, 'evidence' | 'receipt' | 'holder'>,
): ReceiptPredicate {
  const { plan, release } = evidence;
  const site = siteOf(sites, plan.site);
  if (!site) throw refused(`cloud.yml knows no site ${plan.site}`);
  if (sha256(canonicalJson(receipt.envelope)) !== receipt.digest) throw refused('its digest is not its own');

  const statement = verifyStatement(receipt.envelope, site.receiptPublicKey);
  const predicate = predicateOf(statement);
  if (canonicalJson(statement) !== canonicalJson(receiptStatement(predicate)))
    throw refused('its subject is not what it says was released');

  const claims: [string, unknown, unknown][] = [
    ['the job', predicate.job, plan.job],
    ['the holder’s job', predicate.job, holder.job],
    ['the site', predicate.site, plan.site],
    ['the site file', predicate.siteFile, plan.siteFile],
    ['the workflow', predicate.workflowId, plan.workflowId],
    [
      'the VM',
      [predicate.virtualMachine.name, predicate.virtualMachine.bundle],
      [evidence.machine.name, evidence.machine.bundle],
    ],
    ['the data', predicate.data, evidence.inputs.data],
    ['the code', predicate.code ?? null, plan.code?.digest ?? null],
    [
      'the environment',
      predicate.environment,
      { digest: evidence.environment.digest, lock: evidence.environment.lock },
    ],
    ['the cage', predicate.cage ?? null, evidence.completed.cage ?? null],
    ['the release', predicate.released, release],
    ['the release’s digest', release.digest, sha256(canonicalArtifacts(release.artifacts))],
    ['the release’s size', release.bytes, release.artifacts.reduce((sum, { bytes }) => sum + bytes, 0)],
  ];
  const wrong = claims.find(([, one, other]) => canonicalJson(one) !== canonicalJson(other));
  if (wrong) throw refused(`${wrong[0]} in it is not that of this run`);
  return predicate;
}

function predicateOf(statement: unknown): ReceiptPredicate {
  const { predicateType, predicate } = (statement ?? {}) as { predicateType?: unknown; predicate?: unknown };
  if (predicateType !== RECEIPT_TYPE) throw refused('it is a statement of another type');
  const parsed = ReceiptPredicate.safeParse(predicate);
  if (!parsed.success) throw refused('it lacks something that every receipt states');
  return parsed.data;
}

function refused(why: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'ReceiptRefused',
    cause: `The receipt is refused: ${why}.`,
    nextStep:
      'Nothing was registered. Check sites.NAME.receiptPublicKey of cloud.yml against the site’s receipt key, then start again.',
    retryable: false,
  });
}
