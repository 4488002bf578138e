import type { TrainModelRequest } from '../../../domain/train-model-input.ts';
import type { TrainingPlan } from '../../../domain/training-plan.ts';
import type { CompletedJob, PreparedEnvironment, StagedInputs } from '../../../domain/completed-job.ts';
import { ReleasePolicy, type Inspection, type Release } from '../../../domain/release.ts';
import { PAYLOAD_TYPE, type DecisionPredicate, type Envelope, type Receipt } from '../../../domain/statement.ts';

export const hex = (digit: string, length = 64): string => digit.repeat(length);

export const size = { name: 'Standard_DS2_v2', cores: 2, memoryMiB: 7168 };
export const hostSize = { name: 'host', cores: 8, memoryMiB: 32_000 };
export const publicKey = { kty: 'EC', crv: 'P-256', x: 'x'.repeat(43), y: 'y'.repeat(43) } as const;
export const bundle = hex('b');
export const bootId = '0b8f0f6e-5d3c-4a7e-9d1b-8f3a2c1d0e9f';

export function request(machine: string, model = 'cancer'): TrainModelRequest {
  return {
    site: 'demo',
    job: {
      command: 'python train.py --data ${{inputs.data}} --out ${{outputs.model}}',
      environment: 'azureml:sklearn-1.5@latest',
      inputs: { data: { path: 'azureml://datastores/records/paths/wdbc.csv', type: 'uri_file' } },
      outputs: { model: { type: 'mlflow_model' } },
    },
    model: { name: model },
    virtualMachine: { name: machine },
  };
}

/** The same on an existing host. */
export const hostRequest = (host: string, model = 'cancer'): TrainModelRequest => ({
  ...request(host, model),
  virtualMachine: { host },
});

/** Three rates to try, one after the other. */
export function sweepRequest(
  machine: string,
  change: Partial<NonNullable<TrainModelRequest['sweep']>> = {},
): TrainModelRequest {
  const { job, ...rest } = request(machine, machine);
  return {
    ...rest,
    job: { ...job, command: `${job.command} --rate \${{search_space.rate}}` },
    sweep: {
      search_space: { rate: { type: 'choice', values: [0.1, 0.2, 0.3] } },
      sampling_algorithm: 'grid',
      objective: { goal: 'maximize', primary_metric: 'accuracy' },
      limits: { max_total_trials: 3 },
      ...change,
    },
  };
}

export function plan(of: {
  job: string;
  workflowId: string;
  machine: string;
  model: string;
  after: 'keep' | 'deallocate' | 'delete';
  onLoss?: 'restart' | 'fail';
  onOutOfMemory?: 'fail' | 'larger' | undefined;
  approval: false | 'always' | 'first' | 'unsure';
  host?: boolean;
  idleSeconds?: number;
}): TrainingPlan {
  return {
    job: of.job,
    site: 'demo',
    workflowId: of.workflowId,
    siteFile: hex('5'),
    virtualMachine: {
      site: 'demo',
      name: of.machine,
      ...(of.host ? { host: true } : {}),
      size: of.host ? hostSize : size,
      after: of.after,
      onLoss: of.onLoss ?? 'restart',
      larger: 'Standard_DS3_v2',
      ...(of.onOutOfMemory === 'larger' ? { onOutOfMemory: 'larger' } : {}),
      attach: of.host ? 'never' : 'require',
      idleSeconds: of.idleSeconds ?? 3600,
      computeTarget: of.machine.slice(0, 16),
    },
    command: 'python train.py',
    environmentVariables: {},
    environment: { name: 'sklearn-1.5', python: '3.11', requirements: ['scikit-learn'], digest: hex('e') },
    code: { digest: hex('c'), bytes: 100, files: 1 },
    inputs: [{ name: 'data', type: 'uri_file', data: { store: 'records', path: 'wdbc.csv' }, files: 1, bytes: 10 }],
    outputs: [{ name: 'model', type: 'mlflow_model' }],
    limits: { seconds: 600, memoryMiB: 4096, sharedMemoryMiB: 64 },
    run: { experiment: 'cancer', displayName: 'cancer', tags: {} },
    model: { name: of.model, output: 'model', path: '', type: 'mlflow_model', tags: {} },
    image: { repository: `edge-train/${of.model}` },
    release: ReleasePolicy.parse({
      pickle: 'allow',
      maxBytes: 1000,
      maxFiles: 10,
      ...(of.approval ? { approval: { when: of.approval, approvers } } : {}),
    }),
    ...(of.approval === 'first' ? { recipe: hex('7') } : {}),
  };
}

const approvers = { ana: '-----BEGIN PUBLIC KEY-----\nana’s\n-----END PUBLIC KEY-----\n' };

/** Unsigned: the stubs read what it says, as the site does once it has verified it. */
export function decision(decision: 'approve' | 'reject', reason = 'looked through'): Envelope {
  const predicate = { ...said, decision, reason };
  const payload = Buffer.from(JSON.stringify(predicate)).toString('base64');
  return { payloadType: PAYLOAD_TYPE, payload, signatures: [{ keyid: 'ana', sig: 's' }] };
}

const said = {
  ...{ job: hex('0', 20), site: 'demo', workflowId: 'w', release: hex('f') },
  ...{ by: 'ana', decidedAt: '2026-01-02T03:05:00.000Z' },
};

export const decisionIn = ({ payload }: Envelope): DecisionPredicate =>
  JSON.parse(Buffer.from(payload, 'base64').toString()) as DecisionPredicate;

export const environment: PreparedEnvironment = {
  digest: hex('e'),
  lock: hex('1'),
  python: '3.11',
  packages: ['scikit-learn==1.5.2'],
  cached: true,
};
export const staged: StagedInputs = { data: { rootDigest: hex('d'), files: 1, bytes: 10 }, cached: false };

export const completed = (job: string): CompletedJob => ({
  job,
  exitCode: 0,
  starts: 1,
  startedAt: '2026-01-02T03:04:05.000Z',
  endedAt: '2026-01-02T03:04:35.500Z',
  bootId,
  withheld: 0,
  parameters: { C: '1.0' },
  metrics: [{ name: 'accuracy', value: 0.97, step: 0, timestamp: 1 }],
  log: `runs/${job}/log.txt`,
});

export const inspection: Inspection = {
  output: 'model',
  modelType: 'mlflow_model',
  artifacts: [{ path: 'MLmodel', bytes: 7, sha256: hex('a') }],
  verdicts: [{ path: 'MLmodel', format: 'yaml', verdict: 'pass', reasons: [] }],
  digest: hex('f'),
};
export const release: Release = { ...inspection, bytes: 7 };

export const receipt = (job: string): Receipt => ({
  digest: hex('9'),
  envelope: { payloadType: PAYLOAD_TYPE, payload: 'e30=', signatures: [{ keyid: 'k', sig: 's' }] },
  path: `runs/${job}/receipt.json`,
});
