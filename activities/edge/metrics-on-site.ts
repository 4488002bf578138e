import { join } from 'node:path';
import { metricsPath } from '../../domain/resource-names.ts';
import type { BlobContainer } from '../../services/blob-storage.ts';
import { ServiceError } from '../../services/errors.ts';
import type { JobStatus } from '../../services/systemd.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { openLog, type JobLog } from './job-log.ts';
import { journalFile, MetricJournal } from './metric-journal.ts';

const SECOND = 1000;

/** Writes down what a script logs while it trains, and copies that to the site's run container as the log is copied. */
export class MetricsOnSite {
  readonly #journal: MetricJournal;
  readonly #copy: JobLog;
  #next = 0;

  private constructor(journal: MetricJournal, copy: JobLog) {
    this.#journal = journal;
    this.#copy = copy;
  }

  /** `folder` is the job's, `store` the script's tracking store. @throws ServiceError */
  static async open(
    edge: EdgeDependencies,
    job: { id: string; folder: string; store: string; standing: JobStatus },
    runs: BlobContainer,
  ): Promise<MetricsOnSite> {
    const file = journalFile(edge.home, job.id);
    const marker = join(job.folder, 'spec', 'metrics.json');
    const copy = await openLog(job.folder, runs, metricsPath(job.id), job.standing, { file, marker });
    return new MetricsOnSite(new MetricJournal(file, job.store, job.id), copy);
  }

  /** Of this start of the script; a store of many files is looked through more rarely. What the site does not take now, it takes later. */
  async look(starts: number): Promise<void> {
    const began = Date.now();
    if (began < this.#next) return;
    await this.#journal.look(starts);
    this.#next = Date.now() + Math.max(SECOND, 20 * (Date.now() - began));
    try {
      await this.#copy.copySome();
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error; // a grant that has run out is missed by the log, or at the end
    }
  }

  /** The script has been interrupted: what it logged until then is this start's. */
  async interrupted(starts: number): Promise<void> {
    await this.#journal.lookAtAll(starts);
  }

  /** No script runs any more. @throws ServiceError, `GrantExpired` where the SAS has run out */
  async end(starts: number): Promise<void> {
    await this.#journal.end(starts);
    await this.#copy.copyAll();
  }
}
