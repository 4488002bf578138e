import type {
  DeployedVersion,
  DeploymentPlan,
  DeploymentRecord,
  DeployModelInput,
  ServingImage,
} from '../../../domain/deployment.ts';
import * as samples from './samples.ts';

/** A VM's services and fronts as its launcher keeps them, and the site's record. */
export class ServingWorld {
  readonly records = new Map<string, DeploymentRecord>();
  /** Service to the front that it is for. */
  readonly services = new Map<string, string>();
  /** Front to the service that it leads to. */
  readonly fronts = new Map<string, string>();

  plan(input: DeployModelInput, workflowId: string, job: string): DeploymentPlan {
    const { model, action } = input;
    const record = this.records.get(model);
    const target = action === 'rollback' ? record?.previous : undefined;
    const version = target?.version ?? input.version;
    const training = samples.plan({ job, workflowId, machine: `vm-${model}`, model, after: 'keep', approval: false });
    return {
      ...{ job, site: 'demo', model, workflowId, front: frontOf(model) },
      virtualMachine: { ...training.virtualMachine, attach: 'never' },
      ...(version === undefined ? {} : { version }),
      ...(target ? { digest: target.image.digest } : {}),
      ...{ memoryMiB: 512, startSeconds: 10, probationSeconds: 1 },
      ...(record ? { replaces: record.current } : {}),
    };
  }

  image(model: string, version: number): ServingImage {
    const image = { registry: '127.0.0.1:5000', repository: `edge-train/${model}`, tag: `v${version}` };
    return {
      version,
      job: samples.hex('3', 20),
      image: { ...image, digest: `sha256:${samples.hex(String(version))}` },
    };
  }

  record(plan: DeploymentPlan, current: DeployedVersion, port: number): DeploymentRecord {
    const record: DeploymentRecord = {
      ...{ site: plan.site, model: plan.model, virtualMachine: plan.virtualMachine.name, port, current },
      ...(plan.replaces ? { previous: plan.replaces } : {}),
    };
    this.records.set(plan.model, record);
    return record;
  }

  start({ job, front }: DeploymentPlan): { before: string | null } {
    this.services.set(job, front);
    return { before: this.fronts.get(front) ?? null };
  }

  route(front: string, service: string): { port: number } {
    if (this.services.get(service) !== front) throw new Error(`no service ${service} of ${front}`);
    this.fronts.set(front, service);
    return { port: 8100 };
  }

  unroute(front: string): void {
    this.fronts.delete(front);
  }

  retire(service: string): void {
    if ([...this.fronts.values()].includes(service)) throw new Error(`${service} is routed`);
    this.services.delete(service);
  }

  settle(front: string): void {
    for (const [service, of] of [...this.services])
      if (of === front && this.fronts.get(front) !== service) this.retire(service);
  }

  /** What a model's front leads to, and the model's services. */
  standing(model: string): { routed: string | undefined; services: string[] } {
    const front = frontOf(model);
    const services = [...this.services].filter(([, of]) => of === front).map(([service]) => service);
    return { routed: this.fronts.get(front), services };
  }
}

const frontOf = (model: string): string => Buffer.from(model.padEnd(10, '-')).toString('hex').slice(0, 20);
