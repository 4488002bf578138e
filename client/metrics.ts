import { writeFile } from 'node:fs/promises';
import { metricsPath, siteRunPath, trialWorkflowId } from '../domain/resource-names.ts';
import { readRange } from '../services/blob-range.ts';
import type { BlobContainer } from '../services/blob-storage.ts';
import { failed, refused, type CommandError } from './command-error.ts';
import { EXIT_CODE } from './exit-code.ts';
import { openRunOnSite } from './logs/run-on-site.ts';
import { confusionMatrixOf, isPng } from './metrics/confusion-matrix.ts';
import { curvesOf, type Curves } from './metrics/curves.ts';
import { reportPage, type Report } from './metrics/report.ts';
import { plotLines } from './metrics/terminal-plot.ts';
import type { MetricsOutput } from './output.ts';
import { printJson } from './show/json.ts';
import type { FoundRun } from './temporal/find-run.ts';

export interface MetricsOptions {
  readonly html?: string;
  readonly site?: string;
  readonly json?: boolean;
  readonly config?: string;
}

/** `edge-train metrics RUN`: what the script has logged so far, whole, from the site's own storage, as its log is read. */
export async function metrics(given: string, options: MetricsOptions): Promise<number> {
  const { run, site, container, job } = await openRunOnSite(given, options, 'The run’s metrics cannot be read');
  const { workflowId, runId } = run;
  const found = await readCurves(container, job);
  if (found.curves.length === 0) throw noMetrics(run);

  const { html } = options;
  if (html !== undefined)
    await writeReport(html, run, { site, job, curves: found.curves, ...(await readPictures(container, job, found)) });
  if (options.json) {
    const written = html === undefined ? {} : { html };
    printJson<MetricsOutput>({ ok: true, workflowId, runId, site, job, ...written, metrics: found.curves });
  } else {
    const columns = process.stdout.isTTY ? process.stdout.columns : 100;
    if (html === undefined) process.stdout.write(found.curves.flatMap((curve) => plotLines(curve, columns)).join('\n'));
    else process.stdout.write(`${html} opens in any browser.\n`);
  }
  return EXIT_CODE.done;
}

async function readCurves(container: BlobContainer, job: string): Promise<Curves> {
  return curvesOf((await readWhole(container, metricsPath(job), MOST_BYTES)).toString());
}

/** No script's record is longer. */
const MOST_BYTES = 512 * 2 ** 20;
const MOST_PICTURE = 8 * 2 ** 20;

/** What of a blob is there, none where there is no such blob; one that is longer is cut. */
async function readWhole(container: BlobContainer, path: string, most: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let at = 0; at < most;) {
    const bytes = await readRange(container, path, at);
    if (!bytes || bytes.length === 0) break;
    parts.push(bytes);
    at += bytes.length;
  }
  return Buffer.concat(parts);
}

/** What scikit-learn's autologging draws, and a matrix that a script wrote itself: kept on site once the script has ended. */
async function readPictures(
  container: BlobContainer,
  job: string,
  { run }: Curves,
): Promise<Pick<Report, 'matrix' | 'pictures'>> {
  if (run === undefined) return { pictures: [] };
  const artifact = (name: string) =>
    readWhole(container, siteRunPath(job, 'mlruns', run, 'artifacts', name), MOST_PICTURE);
  const matrix = confusionMatrixOf((await artifact('confusion_matrix.json')).toString());
  const pictures = [];
  for (const name of ['training_confusion_matrix.png', 'confusion_matrix.png']) {
    const png = await artifact(name);
    if (isPng(png)) pictures.push({ name, png });
  }
  return { pictures, ...(matrix ? { matrix } : {}) };
}

async function writeReport(
  file: string,
  { workflowId, jobStatus: state, model }: FoundRun,
  report: Pick<Report, 'site' | 'job' | 'curves' | 'matrix' | 'pictures'>,
): Promise<void> {
  const page = reportPage({
    ...report,
    workflowId,
    state,
    madeAt: new Date(),
    ...(model === undefined ? {} : { model }),
  });
  try {
    await writeFile(file, page);
  } catch (error) {
    const fault = { path: '--html', rule: `cannot be written: ${(error as Error).message}` };
    throw refused('The report is not written.', [fault], 'Name a file in a folder that is there.');
  }
}

function noMetrics({ workflowId, running }: FoundRun): CommandError {
  return failed({
    class: 'input',
    type: 'NoMetrics',
    cause: `${workflowId} has logged no metrics${running ? ' yet' : ''}: its script has not begun, logs none with MLflow, or it is a sweep.`,
    nextStep: `See how it stands: edge-train status ${workflowId}. A sweep has metrics for each trial: edge-train metrics ${trialWorkflowId(workflowId, 1)}`,
  });
}
