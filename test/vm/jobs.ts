import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobLimits, JobStatus } from '../../services/systemd.ts';
import { NO_ENVIRONMENT, type TestMachine } from './vm.ts';

const driver = readFileSync(join(import.meta.dirname, 'driver.py'), 'utf8');

export const LIMITS: JobLimits = {
  memoryBytes: 256 * 2 ** 20,
  tasks: 64,
  seconds: 60,
  logBytes: 100_000,
  sharedMemoryBytes: 0,
};

export interface LauncherError {
  readonly error: { readonly type: string; readonly message: string };
}

/** A step of `driver.py`. */
export type Step =
  ['call', object | string] | ['spec', string, object] | ['wait', string] | ['log', string] | ['sh', string];

/** Takes steps as the worker's user, all in one process on the VM; returns what each gave. */
export async function steps(machine: TestMachine, ...list: Step[]): Promise<unknown[]> {
  const command = ['python3', '-I', '-c', driver];
  const { code, stdout, stderr } = await machine.exec(command, { input: JSON.stringify(list), user: 'edge-train' });
  if (code !== 0) throw new Error(`a step failed on the VM:\n${stdout}${stderr}`);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

/** One call of the launcher. */
export async function call<T = JobStatus>(machine: TestMachine, request: object | string): Promise<T> {
  return (await steps(machine, ['call', request]))[0] as T;
}

/** Limits, and where the job runs: in no environment on the VM's own programs, or in an image. */
type Terms = Partial<JobLimits> & {
  readonly image?: { readonly digest: string; readonly environment: Readonly<Record<string, string>> };
  /** Digest of the environment of the job's tracking server. */
  readonly tracking?: string;
};

let count = 0;
export const newJob = (): string => (++count).toString(16).padStart(4, '0').repeat(5);
export const jobPath = (job: string): string => `/var/lib/edge-train/jobs/${job}`;

/** Creates a job as the worker does, ready to start. */
export async function createJob(
  machine: TestMachine,
  job: string,
  command: string,
  limits: Terms = {},
): Promise<string> {
  const [created] = (await steps(machine, ...creation(job, command, limits))) as { path?: string }[];
  if (!created?.path) throw new Error(JSON.stringify(created));
  return created.path;
}

export const start = (machine: TestMachine, job: string): Promise<JobStatus> => call(machine, { verb: 'start', job });

/** Starts a job that was created, and waits for its end. */
export async function runToEnd(machine: TestMachine, job: string): Promise<{ status: JobStatus; log: string }> {
  const given = await steps(machine, ['call', { verb: 'start', job }], ['wait', job], ['log', job]);
  return { status: given[1] as JobStatus, log: given[2] as string };
}

/** Runs a command in the cage from beginning to end. */
export async function runJob(
  machine: TestMachine,
  command: string,
  limits: Terms = {},
): Promise<{ job: string; path: string; status: JobStatus; log: string }> {
  const job = newJob();
  const given = await steps(
    machine,
    ...creation(job, command, limits),
    ['call', { verb: 'start', job }],
    ['wait', job],
    ['log', job],
  );
  return { job, path: jobPath(job), status: given[3] as JobStatus, log: given[4] as string };
}

function creation(job: string, command: string, { image, tracking, ...limits }: Terms): Step[] {
  const place = image === undefined ? { environment: NO_ENVIRONMENT } : { image: image.digest };
  const ofImage = image === undefined ? {} : { imageEnvironment: image.environment };
  return [
    ['call', { verb: 'create', job, ...place, limits: { ...LIMITS, ...limits }, ...(tracking ? { tracking } : {}) }],
    ['spec', job, { command, environmentVariables: { GREETING: 'hello' }, outputs: { model: 'folder' }, ...ofImage }],
  ];
}
