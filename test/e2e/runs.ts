import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import type { RunStatus } from '../../domain/run-status.ts';
import { auditor } from './auditor.ts';
import { until } from '../support/until.ts';
import { ROOT, vmContainers, type Product } from './product.ts';

export type Audit = ReturnType<typeof auditor>;

export interface SlowJob {
  readonly model: string;
  readonly seconds: number;
  readonly machine?: string;
  readonly onOutOfMemory?: 'larger';
  /** Makes its code another. */
  readonly code?: string;
  /** What the script does besides: one of its environment variables. */
  readonly wishes?: readonly ('RESUMES' | 'BULK' | 'GROWS')[];
  /** Instead of the job’s own. */
  readonly environment?: object;
}

/** Runs of the slow job, each in its own folder, started by the command and looked after through Temporal's client. */
export class Runs {
  readonly product: Product;
  readonly audit: Audit;
  readonly client: Client;
  readonly #folders: string[] = [];

  private constructor(product: Product, client: Client) {
    this.product = product;
    this.audit = auditor(product);
    this.client = client;
  }

  static async on(product: Product): Promise<Runs> {
    const { address, namespace } = product.info.temporal;
    return new Runs(product, new Client({ connection: await Connection.connect({ address }), namespace }));
  }

  /** A training.yml and its job: a line a second. Any `seconds` of its own makes a run its own. */
  file(job: SlowJob): string {
    const folder = mkdtempSync(join(tmpdir(), 'edge-train-run-'));
    this.#folders.push(folder);
    cpSync(join(ROOT, 'test', 'e2e', 'slow-job'), folder, { recursive: true });
    const change = (file: string, from: string | RegExp, to: string) =>
      writeFileSync(join(folder, file), readFileSync(join(folder, file), 'utf8').replace(from, to));
    change('job.yml', 'seconds: 30', `seconds: ${job.seconds}`);
    const wishes = Object.fromEntries((job.wishes ?? []).map((wish) => [wish, 'yes']));
    change('job.yml', 'code: src', `code: src\nenvironment_variables: ${JSON.stringify(wishes)}`);
    if (job.environment)
      change('job.yml', /^environment:\n( .*\n)+/m, `environment: ${JSON.stringify(job.environment)}\n`);
    if (job.code) change('src/slow.py', '"""Writes', `# ${job.code}\n"""Writes`);
    const { machine: name, onOutOfMemory } = job;
    const virtualMachine = name ? { virtualMachine: { name, ...(onOutOfMemory ? { onOutOfMemory } : {}) } } : {};
    const training = { site: 'demo', job: 'job.yml', model: { name: job.model }, ...virtualMachine };
    writeFileSync(join(folder, 'training.yml'), JSON.stringify(training));
    return join(folder, 'training.yml');
  }

  async start(job: SlowJob): Promise<Run> {
    const ended = await this.product.edgeTrain('run', this.file(job), '--detach', '--json');
    if (ended.code !== 0) throw new Error(`run --detach ended with ${ended.code}: ${ended.stdout}${ended.stderr}`);
    const { workflowId, runId } = JSON.parse(ended.stdout) as { workflowId: string; runId: string };
    return new Run(this, this.client.workflow.getHandle(workflowId, runId));
  }

  async close(): Promise<void> {
    for (const folder of this.#folders) rmSync(folder, { recursive: true });
    await this.client.connection.close();
  }
}

export class Run {
  readonly handle: WorkflowHandle;
  readonly #runs: Runs;

  constructor(runs: Runs, handle: WorkflowHandle) {
    this.#runs = runs;
    this.handle = handle;
  }

  status = (): Promise<RunStatus> => this.handle.query<RunStatus>('status');

  /** Known once it is planned. */
  async job(): Promise<string> {
    return until('the run is planned', async () => (await this.status()).job, 180);
  }

  async stepIs(name: string, state: string): Promise<boolean> {
    return (await this.status()).steps.some((step) => step.name === name && step.state === state);
  }

  /** What is on site of its log. */
  async log(): Promise<string> {
    const path = `runs/${await this.job()}/job.log`;
    const blob = this.#runs.audit.siteAccount().container('edge-train-runs').getBlobClient(path);
    if (!(await blob.exists())) return '';
    // One request: a second would be refused where the log has grown in between.
    const { readableStreamBody } = await blob.download();
    return readableStreamBody ? await text(readableStreamBody) : '';
  }

  /** The seconds that the script counted, in the order of the log. */
  async seconds(): Promise<number[]> {
    return [...(await this.log()).matchAll(/^second (\d+)$/gm)].map((match) => Number(match[1]));
  }

  /** Waits for a line of the script. */
  async trains(second: number): Promise<void> {
    await this.reaches(`second ${second}`, async () => (await this.seconds()).includes(second));
  }

  /** Waits for a condition that only a run which goes on can fulfil; says where it stands if it does not. */
  async reaches(what: string, condition: () => Promise<boolean>): Promise<void> {
    try {
      await until(
        what,
        async () => {
          await this.stillRuns();
          return condition();
        },
        600,
      );
    } catch (error) {
      throw new Error(`${this.handle.workflowId}: ${JSON.stringify((await this.status()).steps)}`, { cause: error });
    }
  }

  /** Fails early where waiting for a run that has ended would only end at the deadline. */
  async stillRuns(): Promise<void> {
    const { state, failure } = await this.status();
    if (state !== 'running') throw new Error(`${this.handle.workflowId} ${state}: ${JSON.stringify(failure)}`);
  }

  /** Of the receipt that the site signed. */
  async receipt(): Promise<{ training: { starts: number }; virtualMachine: { name: string; bootId: string } }> {
    const path = `runs/${await this.job()}/receipt.json`;
    const blob = this.#runs.audit.siteAccount().container('edge-train-runs').getBlobClient(path);
    const { payload } = JSON.parse((await blob.downloadToBuffer()).toString()) as { payload: string };
    const statement = JSON.parse(Buffer.from(payload, 'base64').toString()) as { predicate: never };
    return statement.predicate;
  }
}

/** The container that is this VM. */
export async function containerOf(product: Product, machine: string): Promise<string> {
  const found = (await vmContainers(product)).filter((name) => name.includes(`-${machine}-`));
  if (found.length !== 1) throw new Error(`expected one container of ${machine}: ${found.join(', ') || 'none'}`);
  return found[0] ?? '';
}
