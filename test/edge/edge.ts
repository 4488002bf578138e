import assert from 'node:assert/strict';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import {
  Client,
  Connection,
  WorkflowFailedError,
  type WorkflowHandleWithFirstExecutionRunId,
} from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, type Duration } from '@temporalio/common';
import { NativeConnection, Worker, type NativeConnectionOptions, type WorkerOptions } from '@temporalio/worker';
import type { EdgeActivities } from '../../activities/contract.ts';
import type { SealedGrant } from '../../domain/grant.ts';
import type { MachineConfig } from '../../domain/machine-config.ts';
import type { Inspection } from '../../domain/release.ts';
import type { PayloadKeys } from '../../domain/payload-codec.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { readPackageIndex } from '../../sandbox/package-index.ts';
import { ensureContainer } from '../../services/blob-storage.ts';
import { seal } from '../../services/signing.ts';
import { dataConverter } from '../../workers/data-converter.ts';
import { startTemporal, type TemporalServer } from '../support/temporal.ts';
import { bootMachine, type TestMachine } from '../vm/vm.ts';
import type { callEdge } from './call-edge.ts';
import { environment, planFor } from './plan.ts';
import { startSite, type TestSite } from './site.ts';

const QUEUE = 'test-callers';

type Call = WorkflowHandleWithFirstExecutionRunId<typeof callEdge>;

/** A VM with its worker, its site, and a Temporal server through which its steps are asked for. */
export class Edge {
  readonly temporal: TemporalServer;
  readonly site: TestSite;
  readonly machine: TestMachine;
  readonly #client: Client;
  readonly #caller: Caller;
  #count = 0;

  constructor(temporal: TemporalServer, site: TestSite, machine: TestMachine, client: Client, caller: Caller) {
    this.temporal = temporal;
    this.site = site;
    this.machine = machine;
    this.#client = client;
    this.#caller = caller;
  }

  /** `heartbeat`: how long the step may be silent until it is tried again. */
  async begin(verb: keyof EdgeActivities, request?: unknown, heartbeat?: Duration): Promise<Call> {
    const args: Parameters<typeof callEdge> = [this.machine.config.queue, verb, request, heartbeat];
    const workflowId = `call-${++this.#count}`;
    return await this.#client.workflow.start<typeof callEdge>('callEdge', { taskQueue: QUEUE, workflowId, args });
  }

  async ask<T>(verb: keyof EdgeActivities, request?: unknown): Promise<T> {
    return (await (await this.begin(verb, request)).result()) as T;
  }

  async siteGrant(expires = new Date(Date.now() + 3_600_000)): Promise<SealedGrant> {
    const { kty, crv, x, y } = this.machine.config.privateKey;
    const runs = this.site.account.sas({ container: 'runs', permissions: 'racwl' }).url;
    const jwe = await seal({ kind: 'site', stores: {}, runs, plan: '' }, { kty, crv, x, y });
    return { kind: 'site', jwe, expires: expires.toISOString() };
  }

  /** A place for each artifact: `released/JOB/` of the run container. */
  async artifactGrant(job: string, { artifacts }: Pick<Inspection, 'artifacts'>): Promise<SealedGrant> {
    const { kty, crv, x, y } = this.machine.config.privateKey;
    const urls = artifacts.map(({ path }) => {
      const blob = `released/${job}/${path}`;
      return { path, url: this.site.account.sas({ container: 'runs', blob, permissions: 'cw' }).url };
    });
    const jwe = await seal({ kind: 'artifacts', urls }, { kty, crv, x, y });
    return { kind: 'artifacts', jwe, expires: new Date(Date.now() + 3_600_000).toISOString() };
  }

  async train(job: string, command: string, seconds?: number): Promise<Call> {
    return this.trainPlan(planFor(job, command, seconds));
  }

  async trainPlan(plan: TrainingPlan, heartbeat?: Duration): Promise<Call> {
    return await this.begin('runTrainingJob', { plan, environment, grants: [await this.siteGrant()] }, heartbeat);
  }

  /** What is on site of a job's log. */
  async log(job: string): Promise<string> {
    const blob = this.site.account.container('runs').getBlobClient(`runs/${job}/job.log`);
    if (!(await blob.exists())) return '';
    // One request: a second would be refused where the log has grown in between.
    const { readableStreamBody } = await blob.download();
    return readableStreamBody ? await text(readableStreamBody) : '';
  }

  async unitState(job: string): Promise<string> {
    const asked = ['systemctl', 'show', '-p', 'ActiveState', '--value', `edge-train-job@${job}`];
    return (await this.machine.exec(asked)).stdout.trim();
  }

  /** The failure of a step that must fail. */
  async failureOf(call: Call): Promise<ApplicationFailure> {
    const error: unknown = await call.result().then(
      () => assert.fail('it did not fail'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof WorkflowFailedError && error.cause instanceof ActivityFailure, String(error));
    assert.ok(error.cause.cause instanceof ApplicationFailure, String(error.cause.cause));
    return error.cause.cause;
  }

  async close(): Promise<void> {
    await this.#caller.stop();
    await this.#client.connection.close();
    await this.machine.remove();
    await this.site.close();
    await this.temporal.stop();
  }
}

/**
 * `allow`: what the uplink lets through besides Temporal; may be changed later. `ca`: PEM of more authorities. `codec`: the VM's keys
 * of payloads, and those of whoever asks it. `packages`: whether the VM reaches the package index that this machine's pip uses.
 * `guarded`: a Temporal server that demands credentials, the VM's own, and that of whoever asks it.
 */
export async function startEdge({
  allow = [],
  ca = '',
  codec,
  packages = false,
  guarded,
}: {
  allow?: string[];
  ca?: string;
  codec?: { machine: PayloadKeys; callers: PayloadKeys };
  packages?: boolean;
  guarded?: { temporal: TemporalServer; machine: Partial<MachineConfig['temporal']>; callers: string };
} = {}): Promise<Edge> {
  const temporal = guarded?.temporal ?? (await startTemporal());
  const { index } = packages ? await readPackageIndex() : {};
  let site: TestSite | undefined;
  const machine = await bootMachine(async (config, gateway) => {
    allow.push(temporal.address, ...(index?.hosts ?? []));
    site = await startSite(gateway, allow);
    return {
      ...config,
      temporal: { address: temporal.address, namespace: temporal.namespace, tls: false, ...guarded?.machine },
      ...(codec ? { codec: codec.machine } : {}),
      uplink: site.uplink,
      caBundle: `${site.ca}\n${ca}`,
      siteBlobEndpoints: [site.blobEndpoint],
      ...(index ? { packageIndex: index.url } : {}),
    };
  }).catch(async (error: unknown) => {
    await site?.close();
    await temporal.stop();
    throw error;
  });
  assert.ok(site);
  await ensureContainer(site.account.container('runs'));
  const encryption = codec ? { dataConverter: dataConverter(codec.callers, temporal.namespace) } : {};
  const key = guarded ? { apiKey: guarded.callers, tls: false } : {};
  const { address, namespace } = temporal;
  const client = new Client({ ...encryption, namespace, connection: await Connection.connect({ address, ...key }) });
  const caller = await startCaller({ address, ...key }, { ...encryption, namespace });
  return new Edge(temporal, site, machine, client, caller);
}

interface Caller {
  stop(): Promise<void>;
}

/** A worker for `callEdge`, as the cloud's is for `trainModel`. */
async function startCaller(to: NativeConnectionOptions, options: Partial<WorkerOptions>): Promise<Caller> {
  const connection = await NativeConnection.connect(to);
  const worker = await Worker.create({
    ...options,
    connection,
    taskQueue: QUEUE,
    workflowsPath: join(import.meta.dirname, 'call-edge.ts'),
  });
  const running = worker.run();
  return {
    async stop() {
      worker.shutdown();
      await running;
      await connection.close();
    },
  };
}
