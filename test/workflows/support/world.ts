import { createHash } from 'node:crypto';
import type { PlannedImage } from '../../../domain/image-reference.ts';
import type { Client } from '@temporalio/client';
import type { CloudActivities, EdgeActivities, SiteActivities } from '../../../activities/contract.ts';
import type { RegistrationRequest } from '../../../domain/model-version.ts';
import {
  CLOUD_QUEUE,
  imageTag,
  jobId,
  modelWorkflowId,
  numberedMachine,
  virtualMachineWorkflowId,
} from '../../../domain/resource-names.ts';
import { samplePoints } from '../../../domain/sampling.ts';
import { SIGNAL, WORKFLOW_TYPE } from '../../../domain/signals.ts';
import type { LeaseRequest, PowerState, ProvisionedMachine } from '../../../domain/virtual-machine.ts';
import * as samples from './samples.ts';
import { EndpointWorld } from './endpoint-world.ts';
import { ServingWorld } from './serving-world.ts';

type Activities = SiteActivities & CloudActivities & EdgeActivities;
export type Verb = keyof Activities;
type Hook = (value: never, times: number) => unknown;

export const EDGE_QUEUE = 'edge-test';
const hash = (text: string) => createHash('sha256').update(text).digest('hex');

const ofImage = (image: PlannedImage) => ({
  ...{ name: image.reference, requirements: [], digest: image.digest, image },
});

/**
 * The outside of the workflows, typed by the contract: it remembers what was asked of it, in order, and does what a
 * test says instead of (`instead`) the ordinary. The lease and registration signals are the real ones.
 */
export class World {
  readonly calls: { readonly verb: Verb; readonly value: unknown }[] = [];
  readonly #instead = new Map<Verb, Hook>();
  readonly #versions = new Map<string, string[]>();
  readonly power = new Map<string, PowerState>();
  after: 'keep' | 'deallocate' | 'delete' = 'keep';
  /** Whether the site asks for approval before anything leaves. */
  approval: false | 'always' | 'first' | 'unsure' = false;
  idleSeconds: number | undefined;
  /** The image that jobs ask to run in. */
  image: PlannedImage | undefined;
  /** Where the next VM that is enrolled listens. */
  queue = EDGE_QUEUE;
  /** What `MODEL@ALIAS` names. */
  readonly aliases = new Map<string, number>();
  /** What serves, and what is recorded of it. */
  readonly deployments = new ServingWorld();
  /** The same in the cloud. */
  readonly cloudEndpoints = new EndpointWorld();
  readonly installed = { publicKey: samples.publicKey, bundle: samples.bundle };
  #client: Client;

  /** What was asked, but for `latest`, which follows a run when it may be over, and so in the next test. */
  get asked(): World['calls'] {
    return this.calls.filter(({ verb }) => verb !== 'requestChange' && verb !== 'changeModel');
  }

  constructor(client: Client) {
    this.#client = client;
  }

  /** `hook` may throw, wait, or return a value; `undefined` means: as usual, `null` is for a step that returns nothing. */
  instead<V extends Verb>(verb: V, hook: (value: Parameters<Activities[V]>[0], times: number) => unknown): void {
    this.#instead.set(verb, hook as Hook);
  }

  reset(): void {
    this.calls.length = 0;
    this.#instead.clear();
    this.after = 'keep';
    this.approval = false;
    this.idleSeconds = undefined;
    this.image = undefined;
    this.queue = EDGE_QUEUE;
  }

  verbs(...only: Verb[]): Verb[] {
    const all = this.calls.map(({ verb }) => verb);
    return only.length > 0 ? all.filter((verb) => only.includes(verb)) : all;
  }

  count(verb: Verb): number {
    return this.verbs(verb).length;
  }

  values<V extends Verb>(verb: V): Parameters<Activities[V]>[0][] {
    return this.calls.filter((call) => call.verb === verb).map(({ value }) => value as Parameters<Activities[V]>[0]);
  }

  get site(): SiteActivities {
    return this.#watched<SiteActivities>({
      planTraining: async ({ input, workflowId, originalExecutionRunId, trial }) => ({
        ...samples.plan({
          job: jobId(hash, workflowId, originalExecutionRunId),
          workflowId,
          machine: numberedMachine(
            input.virtualMachine.host ?? input.virtualMachine.name ?? 'demo-ds2-v2',
            trial?.slot ?? 1,
          ),
          host: input.virtualMachine.host !== undefined,
          model: input.model.name,
          after: this.after,
          onLoss: input.virtualMachine.onLoss,
          onOutOfMemory: input.virtualMachine.onOutOfMemory,
          approval: this.approval,
          ...(this.idleSeconds === undefined ? {} : { idleSeconds: this.idleSeconds }),
        }),
        ...(trial ? { trial } : {}),
        ...(this.image ? { environment: ofImage(this.image) } : {}),
      }),
      planSweep: async ({ input, workflowId, originalExecutionRunId }) => ({
        job: jobId(hash, workflowId, originalExecutionRunId),
        ...{ site: 'demo', workflowId, run: { experiment: 'cancer', displayName: 'cancer', tags: {} } },
        trials: samplePoints(input.sweep!, 1).map((parameters, i) => ({ number: i + 1, parameters })),
        concurrent: input.sweep?.limits.max_concurrent_trials ?? 1,
      }),
      enlargeMachine: async (plan) => {
        const { larger: _, ...machine } = plan.virtualMachine;
        const size = { name: 'Standard_DS3_v2', cores: 4, memoryMiB: 14_336 };
        return { ...plan, virtualMachine: { ...machine, name: `${machine.name}-large`, size } };
      },
      provisionVirtualMachine: async ({ name, size }): Promise<ProvisionedMachine> => {
        const created = (this.power.get(name) ?? 'absent') === 'absent';
        this.power.set(name, 'running');
        return { name, resourceId: `/vm/${name}`, size, privateAddress: '10.20.0.4', created };
      },
      enrolVirtualMachine: async (machine) => ({
        ...machine,
        ...this.installed,
        queue: this.queue,
      }),
      adoptHost: async ({ name, size }) => ({
        ...{ name, resourceId: `hosts/${name}`, size, privateAddress: '192.0.2.7', created: false },
        ...this.installed,
        queue: this.queue,
      }),
      openAttachRule: async () => ({ address: '203.0.113.9' }),
      closeAttachRule: async () => {},
      inspectVirtualMachine: async (name) => this.power.get(name) ?? 'absent',
      deallocateVirtualMachine: async (name) => {
        this.power.set(name, 'deallocated');
        return 'rests';
      },
      deleteVirtualMachine: async (name) => {
        this.power.set(name, 'absent');
        return 'rests';
      },
      grantCredential: async () => ({ kind: 'credential', jwe: 'sealed', expires: '2026-01-02T03:04:05.000Z' }),
      installCredential: async () => ({ expires: '2026-01-02T03:04:05.000Z' }),
      grantImage: async () => ({ kind: 'image', jwe: 'sealed', expires: '2026-01-02T03:04:05.000Z' }),
      grantData: async () => ({ kind: 'site', jwe: 'sealed', expires: '2026-01-02T03:04:05.000Z' }),
      writeDecision: async ({ said }) => ({ ...samples.decision(said.decision, said.reason), signatures: [] }),
      acceptDecision: async ({ envelope }) => samples.decisionIn(envelope),
      standingApproval: async () => null,
      planDeployment: async ({ input, workflowId, originalExecutionRunId }) =>
        this.deployments.plan(input, workflowId, jobId(hash, workflowId, originalExecutionRunId)),
      grantSmokeTest: async () => ({ kind: 'smoke-test', jwe: 'sealed', expires: '2030-01-02T03:04:05.000Z' }),
      settleServingRule: async () => {},
      recordDeployment: async ({ plan, deployed, port }) => this.deployments.record(plan, deployed, port),
      forgetDeployment: async ({ model }) => void this.deployments.records.delete(model),
      listDeployments: async (site) => ({ site, deployments: [...this.deployments.records.values()] }),
      checkSite: async () => ({ checks: [], machines: [] }),
      issueReceipt: async ({ plan }) => samples.receipt(plan.job),
      discardRun: async () => {},
    });
  }

  get cloud(): CloudActivities {
    const { workflow } = this.#client;
    return this.#watched<CloudActivities>({
      leaseVirtualMachine: (request) => this.reallyLease(request),
      returnVirtualMachine: async ({ machine: name, ...back }) => {
        await workflow.signalWithStart(WORKFLOW_TYPE.virtualMachine, {
          workflowId: virtualMachineWorkflowId(name),
          taskQueue: CLOUD_QUEUE,
          args: [{ name }],
          signal: SIGNAL.returnLease,
          signalArgs: [back],
        });
      },
      describeHolder: async ({ workflowId, runId }) => {
        const { status } = await workflow.getHandle(workflowId, runId).describe();
        return status.name === 'RUNNING' ? 'open' : 'closed';
      },
      attachComputeTarget: async ({ name }) => ({ state: 'attached', name, resourceId: `/computes/${name}` }),
      findComputeTarget: async () => null,
      detachComputeTarget: async () => {},
      recordRun: async () => ({ experimentId: '1', runId: samples.hex('7', 32) }),
      recordSweep: async () => ({ experimentId: '1', runId: samples.hex('8', 32) }),
      logMetrics: async () => {},
      finishRun: async () => {},
      grantCode: async () => ({ kind: 'code', jwe: 'sealed', expires: '2026-01-02T03:04:05.000Z' }),
      grantArtifacts: async () => ({ kind: 'artifacts', jwe: 'sealed', expires: '2026-01-02T03:04:05.000Z' }),
      requestRegistration: (request) => this.reallyRegister(request),
      withdrawRegistration: async (request) => this.#signalModel(request.model, SIGNAL.withdrawRegistration, request),
      discardRelease: async ({ model, holder: { job } }) =>
        this.#versions.get(model)?.includes(job) ? 'registered' : 'discarded',
      registerModel: async ({ evidence: { plan } }) => {
        const { name } = plan.model;
        const jobs = this.#versions.get(name) ?? [];
        if (!jobs.includes(plan.job)) jobs.push(plan.job);
        this.#versions.set(name, jobs);
        const version = jobs.indexOf(plan.job) + 1;
        const modelUri = `models:/${name}/${version}`;
        return { name, version, resourceId: `/models/${name}/${version}`, modelUri, type: 'mlflow_model', tags: {} };
      },
      listModels: async (site) => ({ site, models: [] }),
      showModel: async ({ site, model }) => ({ model, site, versions: 0, archived: 0, aliases: [], registered: [] }),
      compareVersions: async ({ site, one, other }) => ({
        ...{ site, lineage: [], tags: [] },
        ...{ one: { model: one.model, version: 1 }, other: { model: other.model, version: 2 } },
      }),
      requestChange: (request) => this.#signalModel(request.change.model, SIGNAL.requestChange, request),
      changeModel: async ({ change }) => {
        const { site, model } = change;
        if (change.action === 'follow') return { site, model, alias: 'latest' };
        if (change.action === 'clean') return { site, model, cleaned: [] };
        if (change.action !== 'promote')
          return { site, model, version: change.version, archived: change.action === 'archive' };
        const { version, alias } = change;
        const from = this.aliases.get(`${model}@${alias}`);
        this.aliases.set(`${model}@${alias}`, version);
        return { site, model, version, alias, ...(from === undefined ? {} : { from }) };
      },
      ...this.cloudEndpoints.verbs,
      planCloudDeployment: async ({ input, workflowId, originalExecutionRunId }) =>
        this.cloudEndpoints.plan(input, workflowId, jobId(hash, workflowId, originalExecutionRunId)),
      checkCloud: async () => ({ checks: [] }),
      findServingImage: async ({ model, alias, version = this.aliases.get(`${model}@${alias}`) ?? 1 }) =>
        this.deployments.image(model, version),
      grantServingImage: async () => ({ kind: 'image', jwe: 'sealed', expires: '2030-01-02T03:04:05.000Z' }),
      buildImage: async ({ version: { version }, repository }) => ({
        registry: '127.0.0.1:5000',
        repository,
        tag: imageTag(version),
        digest: `sha256:${samples.hex('0')}`,
        uploadedBytes: 7,
      }),
      attestImage: async () => ({ state: 'signed', keyId: samples.hex('c'), attached: [] }),
    });
  }

  get edge(): EdgeActivities {
    return this.#watched<EdgeActivities>({
      hello: async () => ({
        bundle: samples.bundle,
        bootId: samples.bootId,
        clock: '2026-01-02T03:04:05.000Z',
        publicKey: samples.publicKey,
      }),
      renewCredential: async () => {},
      prepareEnvironment: async () => samples.environment,
      stageInputs: async () => samples.staged,
      runTrainingJob: async ({ plan }) => samples.completed(plan.job),
      readMetrics: async ({ after }) => ({ points: [], after, withheld: 0, ended: true }),
      inspectOutputs: async () => samples.inspection,
      keepOutputs: async () => {},
      restoreOutputs: async () => {},
      releaseArtifacts: async () => samples.release,
      cleanJob: async () => {},
      pullServingImage: async () => ({ cached: false }),
      startService: async ({ plan }) => this.deployments.start(plan),
      testService: async () => ({ startedInSeconds: 1, rows: 3 }),
      routeService: async ({ plan, service }) => this.deployments.route(plan.front, service),
      watchService: async () => {},
      retireService: async (service) => this.deployments.retire(service),
      retireOthers: async ({ front }) => this.deployments.settle(front),
      unrouteModel: async ({ front }) => this.deployments.unroute(front),
    });
  }

  async reallyLease(request: LeaseRequest): Promise<void> {
    const { name } = request.machine;
    await this.#client.workflow.signalWithStart(WORKFLOW_TYPE.virtualMachine, {
      workflowId: virtualMachineWorkflowId(name),
      taskQueue: CLOUD_QUEUE,
      args: [{ name }],
      signal: SIGNAL.requestLease,
      signalArgs: [request],
    });
  }

  async reallyRegister(request: RegistrationRequest): Promise<void> {
    await this.#signalModel(request.evidence.plan.model.name, SIGNAL.requestRegistration, request);
  }

  async #signalModel(name: string, signal: string, value: unknown): Promise<void> {
    await this.#client.workflow.signalWithStart(WORKFLOW_TYPE.model, {
      workflowId: modelWorkflowId(name),
      taskQueue: CLOUD_QUEUE,
      args: [{ name }],
      signal,
      signalArgs: [value],
    });
  }

  #watched<A extends object>(ordinary: A): A {
    const watched = Object.entries(ordinary).map(([name, usual]) => {
      const verb = name as Verb;
      const act = async (value: never) => {
        this.calls.push({ verb, value });
        const special = await this.#instead.get(verb)?.(value, this.count(verb));
        return special === undefined ? await (usual as (value: never) => Promise<unknown>)(value) : special;
      };
      return [name, act];
    });
    return Object.fromEntries(watched) as A;
  }
}
