import { bytesText, count } from '../../domain/amount-text.ts';
import { attestationText } from '../../domain/model-version.ts';
import type { DeployModelResult } from '../../domain/deployment.ts';
import type { TrainModelResult } from '../../domain/train-model-result.ts';
import { durationText, printable } from './text.ts';

export interface RunLinks {
  readonly workflowId: string;
  /** The run's page in the Temporal UI, where client.yml says where that is. */
  readonly ui?: string;
}

/** What a run made, where the data stayed, and what left. */
export function summary(result: TrainModelResult, links: RunLinks): string[] {
  const { model, image, released, data, metrics } = result;
  const rows: [string, string][] = [
    ['Model', `${model.name} version ${model.version} (Azure ML, ${model.type})`],
    ['Image', `${image.registry}/${image.repository}@${image.digest}`],
    [
      '',
      `tag ${image.tag}, ${image.uploadedBytes === 0 ? 'all of it was there already' : `${bytesText(image.uploadedBytes)} uploaded`}`,
    ],
    ...(result.attestation ? [['Signed', attestationText(result.attestation)] as [string, string]] : []),
    ...(result.deployed ? [['Serves', servesText(result.deployed)] as [string, string]] : []),
    ...listed('Metrics', metricsText(result)),
    ...sweepRows(result),
    ['Training', `${durationText(result.trainingSeconds * 1000)} on ${result.virtualMachine} (${computeText(result)})`],
    [
      'Stayed',
      `${count(data.files, 'file')} of data, ${bytesText(data.bytes)}, at ${result.site} (root digest ${data.rootDigest.slice(0, 12)})`,
    ],
    [
      'Left',
      `${count(released.artifacts.length, 'file')}, ${bytesText(released.bytes)} (release digest ${released.digest.slice(0, 12)}):`,
    ],
    ...released.artifacts.map(({ path, bytes, sha256 }): [string, string] => [
      '',
      `${path} ${bytesText(bytes)} ${sha256.slice(0, 12)}`,
    ]),
    [
      '',
      `and the names and values of ${count(metrics.length, 'metric')} and ${count(Object.keys(result.parameters).length, 'parameter')}`,
    ],
    ['Receipt', `sha256:${result.receipt}, signed by ${result.site}`],
    ['Run', links.workflowId],
    ...(links.ui === undefined ? [] : [['', links.ui] as [string, string]]),
  ];
  return rows.map(([name, text]) => `${name.padEnd(9)}${printable(text)}`);
}

function sweepRows({ sweep, parameters }: TrainModelResult): [string, string][] {
  if (!sweep) return [];
  const { best, objective, trials } = sweep;
  const { value = NaN, parameters: point = parameters } = trials.find(({ number }) => number === best) ?? {};
  const others = trials.filter(({ state }) => state === 'done').length - 1;
  const stopped = trials.filter(({ state }) => state === 'stopped').length;
  const failed = trials.length - 1 - others - stopped;
  return [
    ['Sweep', `trial ${best} is the best: ${objective.primary_metric} ${shortNumber(value)} (${objective.goal})`],
    ...listed(
      '',
      Object.entries(point).map(([name, text]) => `${name} ${text}`),
    ),
    [
      '',
      `${count(others, 'other trial')} ended well, and stayed${stopped > 0 ? `; ${count(stopped, 'trial')} stopped early` : ''}${failed > 0 ? `; ${failed} did not` : ''}`,
    ],
  ];
}

const shortNumber = (value: number): number => Number(value.toPrecision(4));

function metricsText({ metrics }: TrainModelResult): string[] {
  return [...metrics]
    .sort((a, b) => Number(isTraining(a.name)) - Number(isTraining(b.name)) || (a.name < b.name ? -1 : 1))
    .map(({ name, value }) => `${name} ${value === null ? 'not a number' : shortNumber(value)}`);
}

/** Autologging's own metrics of the training rows say less than what a script logs itself. */
const isTraining = (name: string): boolean => name.startsWith('training_');

function listed(name: string, items: readonly string[]): [string, string][] {
  const lines: string[] = [];
  for (const item of items) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + item.length + 2 <= 68) lines[lines.length - 1] = `${last}, ${item}`;
    else lines.push(item);
  }
  return (lines.length > 0 ? lines : ['none']).map((line, i) => [i === 0 ? name : '', line]);
}

function computeText({ computeTarget }: TrainModelResult): string {
  return computeTarget.state === 'attached'
    ? `compute target ${computeTarget.name}`
    : `no compute target: ${computeTarget.reason}`;
}

const servesText = ({ to, address, endpoint, virtualMachine }: DeployModelResult): string =>
  to === 'cloud' ? `POST ${address} (${endpoint})` : `POST ${address}/score on ${virtualMachine}`;
