import { connect } from 'node:net';
import { z } from 'zod';
import type { FailureClass } from '../domain/failure.ts';
import { RoutedModel } from '../domain/deployment.ts';
import { ServiceError } from './errors.ts';

/** What a job may use; the launcher checks each number against the site's policy on the VM. */
export interface JobLimits {
  readonly memoryBytes: number;
  readonly tasks: number;
  readonly seconds: number;
  readonly logBytes: number;
  readonly sharedMemoryBytes: number;
}

/** How one start ended, in systemd's own words (systemd.exec(5): SERVICE_RESULT, EXIT_CODE, EXIT_STATUS). */
const StartResult = z.object({
  serviceResult: z.string(),
  exitCode: z.string(),
  exitStatus: z.string(),
  oomKills: z.int().nullable(),
  /** The most that the job's control group held, in bytes, and how often it was refused a process or thread. */
  memoryPeak: z.int().nullish(),
  tasksRefused: z.int().nullish(),
  startedAt: z.number(),
  endedAt: z.number(),
  cage: z.object({
    refused: z.array(z.string()).optional(),
    tried: z.array(z.string()).optional(),
    finished: z.object({ exit: z.int().optional(), signal: z.int().optional() }).optional(),
  }),
});
export type StartResult = z.infer<typeof StartResult>;

const JobStatus = z.object({
  state: z.enum(['absent', 'created', 'running', 'interrupted', 'ended']),
  starts: z.int(),
  /** Why it was stopped, if it was stopped by us. */
  stop: z.string().nullish(),
  startedAt: z.number().nullish(),
  /** SHA-256 by path of what makes the cage, as it was at the last start. */
  files: z.record(z.string(), z.string()).nullish(),
  result: StartResult.nullish(),
});
/** How a job stands. `interrupted`: a reboot or power cut ended it; `start` starts it again, at most 3 times in all. */
export type JobStatus = z.infer<typeof JobStatus>;

/** A job's folder, and how the job stands: more than `created` when it was there before. */
const CreatedJob = JobStatus.extend({ path: z.string() });
export type CreatedJob = z.infer<typeof CreatedJob>;

/** The root-owned launcher on a VM (`workers/vm/cage/launcher.py`). Every verb may be asked again with the effect of once. */
export interface Launcher {
  environment(digest: string): Promise<{ path: string }>;
  /** The folder of an image: `sealed`, it is a tree that jobs run in; else the worker unpacks it there, as `tree`. */
  image(digest: string): Promise<ImagePlace>;
  /** Publishes what was unpacked: from then on it is root's. @throws ServiceError `CageUnavailable` */
  seal(digest: string): Promise<ImagePlace>;
  /** `tracking`: digest of the environment of the job's MLflow server, where it is to have one. */
  create(request: { job: string; limits: JobLimits; tracking?: string | undefined } & JobPlace): Promise<CreatedJob>;
  start(job: string): Promise<JobStatus>;
  stop(job: string, reason: string): Promise<JobStatus>;
  status(job: string): Promise<JobStatus>;
  remove(job: string): Promise<JobStatus>;
  /** Starts the image's server as a service of its own, for the front to be led to it. Also says where the front leads now. */
  serve(request: ServiceTerms): Promise<StartedService>;
  serving(service: string): Promise<ServiceStatus>;
  /** Leads the front to the service: one rename. Says where it is asked, by the policy on the VM. */
  route(request: { front: string; service: string }): Promise<RoutedModel>;
  unroute(front: string): Promise<void>;
  /** What is under way ends first; absent is fine. @throws ServiceError `ServiceRouted` where the front leads there */
  retire(service: string): Promise<void>;
  /** Retires every service of the front but the one that it leads to. */
  settle(front: string): Promise<void>;
}

export interface ServiceTerms {
  readonly service: string;
  readonly front: string;
  /** SHA-256 of the image's manifest. */
  readonly image: string;
  readonly memoryBytes: number;
}

const ServiceStatus = z.object({
  state: z.enum(['absent', 'running', 'down']),
  /** How often systemd has started it again by itself; `invocation` is another at each start, by whomever. */
  restarts: z.int().default(0),
  invocation: z.string().default(''),
});
export type ServiceStatus = z.infer<typeof ServiceStatus>;
const StartedService = ServiceStatus.extend({ path: z.string(), routed: z.string().nullable() });
/** `path` is the service's folder, `routed` the service that the front leads to. */
export type StartedService = z.infer<typeof StartedService>;
const Anything = z.object({}).transform(() => undefined);

const LAUNCHER_SOCKET = '/run/edge-train/launcher.sock';
/** The launcher itself gives up after 5 minutes. */
const DEADLINE = 310_000;
const Place = z.object({ path: z.string() });
const ImagePlace = Place.extend({ sealed: z.boolean() });
export type ImagePlace = z.infer<typeof ImagePlace>;
/** Digest of the environment, or of the image, that a job runs in. */
export type JobPlace = { readonly environment: string } | { readonly image: string };

/** @throws ServiceError `PolicyRefused`, `CageUnavailable`, `LauncherUnreachable` */
export function createLauncher(socket = LAUNCHER_SOCKET): Launcher {
  const ask = async <T>(schema: z.ZodType<T>, request: object): Promise<T> =>
    read(schema, await exchange(socket, request));
  return {
    environment: (digest) => ask(Place, { verb: 'environment', digest }),
    image: (digest) => ask(ImagePlace, { verb: 'image', digest }),
    seal: (digest) => ask(ImagePlace, { verb: 'seal', digest }),
    create: (request) => ask(CreatedJob, { verb: 'create', ...request }),
    start: (job) => ask(JobStatus, { verb: 'start', job }),
    stop: (job, reason) => ask(JobStatus, { verb: 'stop', job, reason }),
    status: (job) => ask(JobStatus, { verb: 'status', job }),
    remove: (job) => ask(JobStatus, { verb: 'remove', job }),
    serve: (request) => ask(StartedService, { verb: 'serve', ...request }),
    serving: (service) => ask(ServiceStatus, { verb: 'serving', service }),
    route: (request) => ask(RoutedModel.strip(), { verb: 'route', ...request }),
    unroute: (front) => ask(Anything, { verb: 'unroute', front }),
    retire: (service) => ask(Anything, { verb: 'retire', service }),
    settle: (front) => ask(Anything, { verb: 'settle', front }),
  };
}

/** One connection a call: one JSON line there, one back. */
async function exchange(path: string, request: object): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect(path);
    let answer = '';
    socket.setEncoding('utf8');
    socket.setTimeout(DEADLINE, () => socket.destroy(new Error(`no answer within ${DEADLINE / 1000} s`)));
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('data', (text: string) => (answer += text));
    socket.on('error', (error) => reject(unreachable(error.message)));
    socket.on('close', () => (answer.endsWith('\n') ? resolve(answer) : reject(unreachable('it gave no answer'))));
  });
}

function read<T>(schema: z.ZodType<T>, answer: string): T {
  const value = JSON.parse(answer) as { error?: { type: string; message: string } };
  if (value.error) throw refused(value.error);
  return schema.parse(value);
}

function refused({ type, message }: { type: string; message: string }): ServiceError {
  const [failureClass, retryable, nextStep] = VERDICTS[type] ?? VERDICTS['LauncherFailed']!;
  return new ServiceError({
    class: failureClass,
    type: type in VERDICTS && type !== 'LauncherFailed' && type !== 'StartFailed' ? type : 'CageUnavailable',
    cause: `The VM's launcher: ${message}`,
    nextStep,
    retryable,
  });
}

const VERDICTS: Record<string, readonly [FailureClass, boolean, string]> = {
  PolicyRefused: ['policy', false, 'Ask for less in the job file, or ask the site’s operator (site.yml: limits).'],
  InvalidRequest: ['internal', false, 'This is likely a fault of edge-train: report it with the workflow’s id.'],
  JobRuns: ['internal', true, 'It is tried again once the job has ended.'],
  ServiceRouted: ['internal', false, 'This is likely a fault of edge-train: report it with the workflow’s id.'],
  NotServable: ['input', false, 'Deploy an image that edge-train has built, or one with an entrypoint and one port.'],
  StartFailed: ['host', true, 'Read the unit’s journal on the VM; it is tried again.'],
  LauncherFailed: ['host', true, 'Read the journal of edge-train-launcher on the VM; it is tried again.'],
};

function unreachable(why: string): ServiceError {
  return new ServiceError({
    class: 'host',
    type: 'LauncherUnreachable',
    cause: `The launcher on the VM cannot be reached: ${why}`,
    nextStep: 'Look at edge-train-launcher.socket on the VM; it is tried again.',
    retryable: true,
  });
}
