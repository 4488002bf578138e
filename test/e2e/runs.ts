import { text } from 'node:stream/consumers';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import type { RunStatus } from '../../domain/run-status.ts';
import { auditor } from './auditor.ts';
import { until } from '../support/until.ts';
import { vmContainers, type Product } from './product.ts';
import { slowJob, type SlowJob, type SlowJobFiles } from './slow-job.ts';

export type Audit = ReturnType<typeof auditor>;

/** Runs of the slow job, each in its own folder, started by the command and looked after through Temporal's client. */
export class Runs {
  readonly product: Product;
  readonly audit: Audit;
  readonly client: Client;
  readonly #files: SlowJobFiles[] = [];

  private constructor(product: Product, client: Client) {
    this.product = product;
    this.audit = auditor(product);
    this.client = client;
  }

  static async on(product: Product): Promise<Runs> {
    const { address, namespace } = product.info.temporal;
    return new Runs(product, new Client({ connection: await Connection.connect({ address }), namespace }));
  }

  /** The training.yml of a slow job, which is removed with the runs. */
  file(job: SlowJob): string {
    const files = slowJob(job);
    this.#files.push(files);
    return files.file;
  }

  async start(job: SlowJob): Promise<Run> {
    const ended = await this.product.edgeTrain('run', this.file(job), '--detach', '--json');
    if (ended.code !== 0) throw new Error(`run --detach ended with ${ended.code}: ${ended.stdout}${ended.stderr}`);
    const { workflowId, runId } = JSON.parse(ended.stdout) as { workflowId: string; runId: string };
    return new Run(this, this.client.workflow.getHandle(workflowId, runId));
  }

  async close(): Promise<void> {
    for (const files of this.#files) files[Symbol.dispose]();
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
  log = async (): Promise<string> => logOf(this.#runs.audit, await this.job());

  /** The seconds that the script counted, in the order of the log. */
  seconds = async (): Promise<number[]> => secondsOf(this.#runs.audit, await this.job());

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

/** What the site keeps of a job's log. */
async function logOf(audit: Audit, job: string): Promise<string> {
  const blob = audit.siteAccount().container('edge-train-runs').getBlobClient(`runs/${job}/job.log`);
  if (!(await blob.exists())) return '';
  // One request: a second would be refused where the log has grown in between.
  const { readableStreamBody } = await blob.download();
  return readableStreamBody ? await text(readableStreamBody) : '';
}

/** The seconds that the slow job counted, in the order of its log. */
export async function secondsOf(audit: Audit, job: string): Promise<number[]> {
  return [...(await logOf(audit, job)).matchAll(/^second (\d+)$/gm)].map((match) => Number(match[1]));
}

/** The container that is this VM. */
export async function containerOf(product: Product, machine: string): Promise<string> {
  const found = (await vmContainers(product)).filter((name) => name.includes(`-${machine}-`));
  if (found.length !== 1) throw new Error(`expected one container of ${machine}: ${found.join(', ') || 'none'}`);
  return found[0] ?? '';
}
