import { workflowInfo } from '@temporalio/workflow';
import { bytesText, count } from '../domain/amount-text.ts';
import { metricsWorkflowId } from '../domain/resource-names.ts';
import type { RunStatus, Step } from '../domain/run-status.ts';
import type { TrialStatus } from '../domain/trial-status.ts';

/** A run for people in the Temporal UI, as Markdown: what is happening, and what to do. */
export function runDetails(status: RunStatus): string {
  return [
    `**${heading(status)}**`,
    ...todo(status),
    status.steps.map(line).join('\n'),
    ...published(status),
    ...(status.trials ? [trials(status.trials)] : []),
    ...(status.approval ? [artifacts(status.approval)] : []),
  ].join('\n\n');
}

/** Those of a script that trains are told by the workflow that carries them. */
function published({ job, published, steps }: RunStatus): string[] {
  if (published !== undefined) return [`${count(published, 'number')} of the script’s went to Azure ML.`];
  const trains = steps.some(({ name, state }) => name === 'train' && state === 'running');
  return trains && job !== undefined ? [`Its numbers go to Azure ML by \`${metricsWorkflowId(job)}\`.`] : [];
}

function heading({ state, model, site, virtualMachine, failure }: RunStatus): string {
  const what = model === undefined ? '' : ` · ${model} at ${site}`;
  const where = virtualMachine === undefined ? '' : ` on ${virtualMachine}`;
  return `${failure ? `${failure.type} (${failure.class})` : state}${what}${where}`;
}

function todo({ state, failure, approval, steps }: RunStatus): string[] {
  const { workflowId } = workflowInfo();
  if (failure) return [failure.cause.replaceAll('\n', '  \n'), `**To do:** ${failure.nextStep}`];
  if (approval)
    return [
      `**To do:** an approver decides with \`edge-train approve ${workflowId} --reason …\` or \`edge-train reject ${workflowId} --reason …\`.`,
    ];
  if (state !== 'running') return [];
  if (steps.some(({ name }) => name === 'switch'))
    return [
      `Nothing to do. Cancelling (\`edge-train cancel ${workflowId}\`, or here) leaves the traffic where it was.`,
    ];
  if (steps.some(({ name, state }) => name === 'deploy' && state === 'running'))
    return [
      `Nothing to do. Cancelling (\`edge-train cancel ${workflowId}\`, or here) cancels the deployment; the version stays.`,
    ];
  return [
    `Nothing to do. Cancelling (\`edge-train cancel ${workflowId}\`, or here) stops the training and removes what it made.`,
  ];
}

function artifacts({ release, artifacts }: NonNullable<RunStatus['approval']>): string {
  const files = artifacts.map(
    ({ path, bytes, sha256 }) => `- \`${path}\`, ${bytesText(bytes)}, \`${sha256.slice(0, 16)}\``,
  );
  return [`Would leave the site (release \`${release.slice(0, 16)}\`):\n`, ...files].join('\n');
}

/** The newest: Temporal shows 20,000 bytes. */
const TRIALS_SHOWN = 20;

function trials(all: readonly TrialStatus[]): string {
  const lines = all.slice(-TRIALS_SHOWN).map(({ number, workflowId, state, value, parameters, detail }) => {
    const point = Object.entries(parameters).map(([name, text]) => `${name} ${text}`);
    const told = [
      value === undefined ? state : `${state}, ${value}`,
      point.join(', ').slice(0, 300),
      `\`${workflowId}\``,
    ];
    return `- trial ${number}: ${[...told, ...(detail === undefined ? [] : [detail.slice(0, 200)])].join(' · ')}`;
  });
  return ['Trials:\n', ...(all.length > TRIALS_SHOWN ? [`- ${all.length - TRIALS_SHOWN} before`] : []), ...lines].join(
    '\n',
  );
}

const MARKS: Record<Step['state'], string> = { waiting: '·', running: '▶', done: '✓', failed: '✗', skipped: '–' };

/** A list, since the UI's column is narrow. */
function line({ name, where, state, startedAt, endedAt, detail }: Step): string {
  const place = [where, seconds(startedAt, endedAt)].filter(Boolean).join(', ');
  return `- ${MARKS[state]} **${name}** (${place})${detail === undefined ? '' : `: ${detail.replace(/\s+/g, ' ')}`}`;
}

const seconds = (from?: string, to?: string): string =>
  from && to ? `${((Date.parse(to) - Date.parse(from)) / 1000).toFixed(1)} s` : '';
