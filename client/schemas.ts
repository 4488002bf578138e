import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ClientFile } from '../domain/client-file.ts';
import { CloudFile } from '../domain/cloud-file.ts';
import { DeployModelInput } from '../domain/deployment.ts';
import { ChangeModelInput } from '../domain/model-change.ts';
import { CleanRegistryInput } from '../domain/registry-cleaning.ts';
import { SiteFile } from '../domain/site-file.ts';
import { TrainModelInput } from '../domain/train-model-input.ts';
import { TrainingFile } from '../domain/training-file.ts';
import { DoctorReport } from './doctor.ts';
import * as models from './models/output.ts';
import * as output from './output.ts';

/**
 * JSON Schemas from the schemas that decide, for editors and for scripts that read `--json`: `node client/schemas.ts`
 * writes `schemas/`, and with `--check` says whether they are up to date (exit 1 when not).
 */
const FILES = {
  training: ['training.yml of edge-train', TrainingFile],
  site: ['site.yml of edge-train', SiteFile],
  cloud: ['cloud.yml of edge-train', CloudFile],
  client: ['client.yml of edge-train', ClientFile],
  'deploy-model-input': ['Input of edge-train’s deployModel workflow', DeployModelInput],
  'change-model-input': ['Input of edge-train’s changeModel workflow', ChangeModelInput],
  'clean-registry-input': ['Input of edge-train’s cleanRegistry workflow', CleanRegistryInput],
  'train-model-input': ['Input of edge-train’s trainModel workflow', TrainModelInput],
} as const;

const RUN = z.union([output.EndedOutput, output.StartedOutput, output.InterruptedOutput]);

/** By command. An error of any command is `output-error`. */
const OUTPUTS = {
  error: ['any command that fails', output.ErrorOutput],
  run: ['run, watch', RUN],
  status: ['status', output.StatusOutput],
  list: ['list', output.ListOutput],
  cancel: ['cancel', z.union([output.CancelOutput, output.InterruptedOutput])],
  logs: ['logs', output.LogsOutput],
  metrics: ['metrics', output.MetricsOutput],
  decision: ['approve, reject', output.DecisionOutput],
  deploy: [
    'deploy, rollback, undeploy',
    z.union([output.DeployOutput, output.StartedOutput, output.InterruptedOutput]),
  ],
  deployments: ['deployments list', output.DeploymentsOutput],
  'deployment-key': ['deployments key', output.DeploymentKeyOutput],
  models: ['models list', models.ModelsOutput],
  model: ['models show', models.ModelOutput],
  'model-diff': ['models diff', models.ModelDiffOutput],
  'model-change': ['models promote, models archive, models restore', models.ModelChangeOutput],
  'registry-cleaned': ['registry gc', models.RegistryCleanedOutput],
  receipt: ['receipt show, receipt verify', output.ReceiptOutput],
  image: ['image verify', output.ImageOutput],
  schedule: ['schedule create, schedule describe', output.ScheduleOutput],
  'schedule-list': ['schedule list', output.ScheduleListOutput],
  doctor: ['doctor', DoctorReport],
  'sandbox-start': ['sandbox start', output.SandboxStartOutput],
  'sandbox-status': ['sandbox status', output.SandboxStatusOutput],
  'sandbox-ended': ['sandbox stop, sandbox reset', output.SandboxEndedOutput],
  'schedule-change': ['schedule pause, resume, trigger, delete', output.ScheduleChangeOutput],
} as const;

const FOLDER = join(import.meta.dirname, '..', 'schemas');

/** File name to content. */
export function publishedSchemas(): Map<string, string> {
  const text = (title: string, schema: z.ZodType, io: 'input' | 'output') => {
    const json = z.toJSONSchema(schema, { io, unrepresentable: 'any', target: 'draft-7' });
    return `${JSON.stringify({ $schema: json.$schema, title, ...json }, null, 2)}\n`;
  };
  return new Map([
    ...Object.entries(FILES).map(([name, [title, schema]]): [string, string] => [
      `${name}.schema.json`,
      text(title, schema, 'input'),
    ]),
    ...Object.entries(OUTPUTS).map(([name, [commands, schema]]): [string, string] => [
      `output-${name}.schema.json`,
      text(`What edge-train prints with --json: ${commands}`, schema, 'output'),
    ]),
  ]);
}

/** The files that are not as the domain has them. */
export function outdatedSchemas(folder = FOLDER): string[] {
  return [...publishedSchemas()]
    .filter(([file, content]) => read(join(folder, file)) !== content)
    .map(([file]) => file);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  if (process.argv.includes('--check')) {
    const outdated = outdatedSchemas();
    if (outdated.length > 0) console.error(`Not up to date: ${outdated.join(', ')}. Run: node client/schemas.ts`);
    process.exitCode = outdated.length > 0 ? 1 : 0;
  } else {
    for (const [file, content] of publishedSchemas()) writeFileSync(join(FOLDER, file), content);
  }
}
