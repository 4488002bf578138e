import { canonicalArtifacts } from '../domain/release.ts';
import type { RunStatus } from '../domain/run-status.ts';
import { decisionStatement, type DecisionPredicate, type Envelope } from '../domain/statement.ts';
import { shown } from '../domain/validation.ts';
import { createSecrets } from '../services/secrets.ts';
import { sha256, signStatement } from '../services/signing.ts';
import { CommandError, failed, refused } from './command-error.ts';
import { readClientFile } from './config/client-file.ts';
import { findConfig } from './config/find-config.ts';
import { EXIT_CODE } from './exit-code.ts';
import type { DecisionOutput } from './output.ts';
import { leaving } from './show/approval.ts';
import { printJson } from './show/json.ts';
import { connectTemporal, type TemporalClient } from './temporal/connect.ts';
import { findRun, type FoundRun } from './temporal/find-run.ts';
import { checkedReason } from './temporal/reason.ts';
import { checkedRunId } from './temporal/run-id.ts';
import { sendDecision } from './temporal/send-decision.ts';
import { uiLink } from './temporal/ui-link.ts';
import { askStatus } from './temporal/watch.ts';

export interface DecideOptions {
  readonly reason: string;
  readonly release?: string;
  /** Signs for this release alone, where the site would take the word for later ones too. */
  readonly once?: boolean;
  readonly site?: string;
  readonly json?: boolean;
  readonly config?: string;
}

/**
 * `edge-train approve|reject RUN`: shows what would leave the site, and sends a signed decision on exactly that. The
 * site's own worker checks the signature; nothing that is in between can change or forge it.
 */
export async function decide(
  decision: DecisionPredicate['decision'],
  given: string,
  options: DecideOptions,
): Promise<number> {
  const workflowId = checkedRunId(given);
  const reason = checkedReason(options.reason);
  checkRelease(options.release);
  const folder = findConfig(options.config);
  const { approval: approver, temporalUi } = await readClientFile(folder);
  if (!approver) throw noApprover();
  const key = await createSecrets({ environment: process.env }).resolve(approver.key);
  const temporal = await connectTemporal(folder, options.site);
  const run = await findRun(temporal, workflowId, 'Nothing was decided');
  const { job, site, approval } = await waiting(temporal, run, options.release);
  if (!options.json) process.stdout.write(`${leaving(approval).join('\n')}\n`);

  const { release, artifacts } = approval;
  const standing = decision === 'approve' && !options.once ? approval.standing : undefined;
  if (standing && !options.json)
    process.stdout.write(
      'The site asks for the first release only: later ones of the same code, command, environment and data place leave\nwithout asking, unless the gate doubts something new. To sign for this one alone: --once\n',
    );
  const by = approver.name;
  const decidedAt = new Date().toISOString();
  const predicate = {
    ...{ job, site, workflowId, release, decision, reason, by, decidedAt },
    ...(standing ? { standing } : {}),
  };
  const envelope = signed(predicate, artifacts, key);
  await sendDecision(temporal, run, envelope);
  const links = { workflowId, runId: run.runId, ...uiLink(temporalUi, temporal.namespace, workflowId, run.runId) };
  if (options.json) printJson<DecisionOutput>({ ok: true, ...links, decision, by, release, artifacts });
  else process.stdout.write(`${PAST[decision]} as ${by}. Look on with: edge-train watch ${workflowId}\n`);
  return EXIT_CODE.done;
}

const PAST = { approve: 'Approved', reject: 'Rejected' } as const;

type Waiting = Required<Pick<RunStatus, 'job' | 'site' | 'approval'>>;

/** What waits, after checking that its digest is of just the files that are shown. */
async function waiting(temporal: TemporalClient, run: FoundRun, expected = ''): Promise<Waiting> {
  if (!run.running) throw notWaiting(run.workflowId, `has ended (${run.jobStatus})`);
  const handle = temporal.client.workflow.getHandle(run.workflowId, run.runId);
  const { job, site, approval } = await askStatus(temporal, handle).catch(() => {
    throw failed({
      class: 'host',
      type: 'NoWorker',
      cause: 'No worker answers on the queue edge-train, so what waits cannot be read; nothing was decided.',
      nextStep: 'Start a worker (`edge-train worker --role cloud`), and run the command again.',
    });
  });
  if (!approval || !job || !site) throw notWaiting(run.workflowId, 'does not wait for approval');
  if (sha256(canonicalArtifacts(approval.artifacts)) !== approval.release)
    throw failed({
      class: 'policy',
      type: 'ReleaseMismatch',
      cause: 'The release’s digest is not of the files that the run lists; nothing was signed.',
      nextStep: 'Do not approve it. Tell the operator: something between here and the site is not what it says.',
    });
  if (!approval.release.startsWith(expected)) {
    const fault = { path: '--release', rule: `is another one: ${approval.release} waits`, value: shown(expected) };
    throw refused('Nothing was decided.', [fault], `See what waits: edge-train status ${run.workflowId}`);
  }
  return { job, site, approval };
}

function signed(predicate: DecisionPredicate, artifacts: Waiting['approval']['artifacts'], key: string): Envelope {
  try {
    return signStatement(decisionStatement(predicate, artifacts), key);
  } catch (error) {
    if ((error as { nextStep?: unknown }).nextStep !== undefined) throw error;
    const fault = { path: 'approval.key', rule: 'is no private key (PKCS#8 PEM)' };
    throw refused('The decision cannot be signed; nothing was sent.', [fault], KEY);
  }
}

const KEY = 'Make one with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256';

function checkRelease(release: string | undefined): void {
  if (release === undefined || /^[0-9a-f]{8,64}$/.test(release)) return;
  const fault = { path: '--release', rule: 'must be 8 to 64 of 0-9 and a-f', value: shown(release) };
  throw refused('Nothing was decided.', [fault], 'Give the digest, or its head, as `edge-train status` shows it.');
}

function noApprover(): CommandError {
  const fault = { path: 'approval', rule: 'is required: {name, key}, the name that site.yml knows' };
  throw refused('client.yml does not say who you are; nothing was decided.', [fault], KEY);
}

function notWaiting(workflowId: string, why: string): CommandError {
  return new CommandError(EXIT_CODE.refused, {
    class: 'input',
    type: 'NotWaiting',
    cause: `${workflowId} ${why}; nothing was decided.`,
    nextStep: `See how it stands: edge-train status ${workflowId}`,
  });
}
