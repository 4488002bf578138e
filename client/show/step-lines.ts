import { styleText } from 'node:util';
import {
  CLOUD_DEPLOY_STEPS,
  DEPLOY_STEPS,
  STEPS,
  SWEEP_STEPS,
  type RunStatus,
  type Step,
  type StepName,
} from '../../domain/run-status.ts';
import type { TrialStatus } from '../../domain/trial-status.ts';
import { cut, durationText, printable } from './text.ts';

/** What each step does, for people. */
export const LABELS: Readonly<Record<StepName, string>> = {
  plan: 'plan the training',
  lease: 'provision and lease the VM',
  record: 'record the run in Azure ML',
  trials: 'run the trials',
  environment: 'prepare the environment',
  stage: 'stage code and data',
  train: 'train in the cage',
  inspect: 'inspect the outputs',
  approve: 'wait for approval',
  release: 'release the model',
  receipt: 'sign the receipt',
  register: 'register the model version',
  image: 'build and push the image',
  sign: 'sign the image',
  clean: 'clean up after the job',
  deploy: 'deploy the new version',
  find: 'find the version and its image',
  pull: 'pull and verify the image',
  start: 'start the new version',
  verify: 'verify the image',
  test: 'test it before it gets traffic',
  switch: 'move the traffic',
  watch: 'watch it serve',
  retire: 'end what served before',
};

const LABEL_WIDTH = Math.max(...Object.values(LABELS).map((label) => label.length));
const WHERE_WIDTH = 14;
const TIME_WIDTH = 12;
const SPINNER = [...'⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'];

export interface LineOptions {
  readonly now: number;
  readonly columns: number;
  readonly frame: number;
  readonly colour: boolean;
}

/** One line a step, none longer than the terminal is wide: mark, what, where, how long, and what came of it. */
export function stepLines({ steps, trials = [] }: RunStatus, options: LineOptions): string[] {
  return inOrder(steps).flatMap((step) => [
    stepLine(step, options),
    ...(step.name === 'trials' ? trials.slice(-TRIALS_SHOWN).map((trial) => trialLine(trial, options)) : []),
  ]);
}

/** The newest of a sweep's trials; the step's own line counts them all. */
const TRIALS_SHOWN = 10;

function trialLine(trial: TrialStatus, { columns }: LineOptions): string {
  return cut(`    ${trialText(trial)}`, columns);
}

/** `trial 2: done, 0.97 (rate 0.1)`. */
export function trialText({ number, state, value, parameters, detail }: TrialStatus): string {
  const point = Object.entries(parameters).map(([name, text]) => `${name} ${text}`);
  const came = value === undefined ? (detail ?? '') : String(value);
  return printable(`trial ${number}: ${state}${came ? `, ${came}` : ''} (${point.join(', ')})`);
}

function stepLine(step: Step, { now, columns, frame, colour }: LineOptions): string {
  const paint = (style: Style, text: string) => (colour ? styleText(style, text, { validateStream: false }) : text);
  const [mark, style] = markOf(step, frame);
  const columnsOfText = [
    LABELS[step.name].padEnd(LABEL_WIDTH),
    cut(printable(step.state === 'waiting' ? '' : step.where), WHERE_WIDTH).padEnd(WHERE_WIDTH),
    timeOf(step, now).padStart(TIME_WIDTH),
    printable(step.detail ?? ''),
  ].join(' ');
  const text = cut(columnsOfText.trimEnd(), columns - 2);
  return `${paint(style, mark)} ${step.state === 'waiting' || step.state === 'skipped' ? paint('dim', text) : text}`;
}

type Style = 'green' | 'red' | 'cyan' | 'dim';

function markOf(step: Step, frame: number): [string, Style] {
  switch (step.state) {
    case 'done':
      return ['✔', 'green'];
    case 'failed':
      return ['✖', 'red'];
    case 'running':
      return [SPINNER[frame % SPINNER.length] ?? '', 'cyan'];
    case 'skipped':
      return ['-', 'dim'];
    case 'waiting':
      return ['·', 'dim'];
  }
}

export function timeOf(step: Step, now: number): string {
  if (step.startedAt === undefined || step.state === 'skipped') return '';
  return durationText((step.endedAt === undefined ? now : Date.parse(step.endedAt)) - Date.parse(step.startedAt));
}

function inOrder(steps: readonly Step[]): Step[] {
  const has = (name: StepName) => steps.some((step) => step.name === name);
  const order: readonly StepName[] = has('trials')
    ? SWEEP_STEPS
    : has('verify')
      ? CLOUD_DEPLOY_STEPS
      : has('switch')
        ? DEPLOY_STEPS
        : STEPS;
  return order.flatMap((name) => steps.find((step) => step.name === name) ?? []);
}
