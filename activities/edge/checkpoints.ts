import { chmod, lstat, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CheckpointManifest } from '../../domain/checkpoint.ts';
import { Artifact } from '../../domain/release.ts';
import { CHECKPOINTS } from '../../domain/training-plan.ts';
import { siteRunPath, type JobId } from '../../domain/resource-names.ts';
import { readText, replaceText, type BlobContainer } from '../../services/blob-storage.ts';
import { ServiceError, toServiceError } from '../../services/errors.ts';
import { fetchFile, holds } from './fetch-file.ts';
import { digestFile, jobFolder, walk, type OutputFile } from './output-files.ts';
import { sendFile } from './send-file.ts';

/** What has not changed between two looks is complete. */
const LOOK = 1000;
/** Half-written by convention. */
const DRAFT = /(^|\/)(\.[^/]*|[^/]*\.(tmp|part|partial|incomplete))$/;

/**
 * A job's checkpoints, `$AZUREML_CHECKPOINT_DIR`: each file or folder at its top is one. While the script runs, complete
 * ones are copied to the site's run container, named by content, and then listed; what is listed is what a script that
 * was interrupted finds again, on this VM or another. A checkpoint that is being written over counts as it was before.
 */
export class Checkpoints {
  readonly #home: string;
  readonly #job: JobId;
  readonly #runs: BlobContainer;
  readonly #progress: (bytes: number) => void;
  /** Of each checkpoint: sizes and times at the last look. */
  #seen = new Map<string, string>();
  /** Of each checkpoint that is listed: sizes and times when it was copied. */
  readonly #copied = new Map<string, string>();
  #listed: Artifact[] | undefined;
  #copying: Promise<void> | undefined;
  #failure: unknown;
  #last = 0;

  /** `progress` is called while many bytes move. */
  constructor(home: string, job: JobId, runs: BlobContainer, progress: (bytes: number) => void = () => {}) {
    this.#home = home;
    this.#job = job;
    this.#runs = runs;
    this.#progress = progress;
  }

  /**
   * Before a start: the folder holds exactly what is listed, each file with its digest; what was being written when the VM
   * went down is gone. @throws ServiceError `GrantExpired`, `ArtifactDiffers`
   */
  async restore(): Promise<void> {
    const listed = await this.#list();
    const fresh = `${this.#folder}.new`; // no script runs now, and here new files belong to the job's group
    await rm(fresh, { recursive: true, force: true });
    await mkdir(fresh);
    const here = new Map((await walk(this.#folder)).files.map((file) => [file.path, file.absolute]));
    for (const file of listed) {
      const target = join(fresh, file.path);
      await mkdir(dirname(target), { recursive: true });
      const local = here.get(file.path);
      if (local !== undefined && (await holds(local, file))) await rename(local, target);
      else await this.#fetch(file, target);
      await chmod(target, 0o660);
    }
    // The job, which is another user of the same group, writes here too. Last, since it takes the folders' group from new files.
    const folders = [...new Set(listed.flatMap(({ path }) => parents(path)))];
    for (const folder of ['', ...folders]) await chmod(join(fresh, folder), 0o770);
    await rm(this.#folder, { recursive: true, force: true });
    await rename(fresh, this.#folder);
  }

  /** Copies in the background what is complete, now and then. @throws what an earlier copy failed with and will again */
  look(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined && !(failure instanceof ServiceError && failure.retryable)) throw failure;
    if (this.#copying || Date.now() - this.#last < LOOK) return;
    this.#copying = this.#copy()
      .catch((error: unknown) => (this.#failure = toServiceError(error, 'copying a checkpoint to the site’s storage')))
      .then(() => {
        this.#copying = undefined;
        this.#last = Date.now();
      });
  }

  /** What is being copied is waited for: it is not copied beside a next attempt, nor beside the removal of the job. */
  async settle(): Promise<void> {
    await this.#copying;
  }

  async #copy(): Promise<void> {
    const found = Map.groupBy((await walk(this.#folder)).files, ({ path }) => path.split('/', 1)[0] ?? '');
    const before = await this.#list();
    const now: Artifact[] = [];
    const seen = new Map<string, string>();
    for (const [name, files] of found) {
      const state = await stateOf(files);
      if (state !== undefined) seen.set(name, state);
      const isNew = state !== undefined && this.#seen.get(name) === state && this.#copied.get(name) !== state;
      const sent = isNew && !DRAFT.test(name) ? await this.#send(files) : undefined;
      if (sent && state !== undefined) this.#copied.set(name, state);
      now.push(...(sent ?? before.filter(({ path }) => path === name || path.startsWith(`${name}/`))));
    }
    this.#seen = seen;
    if (JSON.stringify(now) !== JSON.stringify(before)) await this.#publish(now, before);
  }

  /** All files of one checkpoint; none where one of them has changed meanwhile, or has a name that is no artifact's. */
  async #send(files: readonly OutputFile[]): Promise<Artifact[] | undefined> {
    const sent: Artifact[] = [];
    for (const { path, absolute } of files) {
      const file = Artifact.safeParse({ path, ...(await digestFile(absolute)) });
      if (!file.success) return undefined;
      try {
        await sendFile(absolute, file.data, this.#runs.getBlockBlobClient(this.#blob(file.data)), this.#progress);
      } catch (error) {
        if (error instanceof ServiceError && error.type === 'ArtifactChanged') return undefined;
        throw error;
      }
      sent.push(file.data);
    }
    return sent;
  }

  /** There is no permission to delete: the content that nothing lists any more is emptied. */
  async #publish(now: Artifact[], before: readonly Artifact[]): Promise<void> {
    await replaceText(this.#runs, this.#manifest, JSON.stringify({ files: now }), 'application/json');
    this.#listed = now;
    const kept = new Set(now.map(({ sha256 }) => sha256));
    for (const file of before)
      if (!kept.has(file.sha256)) await this.#runs.getBlockBlobClient(this.#blob(file)).upload('', 0);
  }

  async #fetch(file: Artifact, target: string): Promise<void> {
    this.#progress(file.bytes);
    const blob = this.#runs.getBlockBlobClient(this.#blob(file));
    await fetchFile(blob, file, target);
  }

  async #list(): Promise<readonly Artifact[]> {
    if (this.#listed) return this.#listed;
    const text = await readText(this.#runs, this.#manifest);
    this.#listed = text === undefined ? [] : parseManifest(text).files;
    return this.#listed;
  }

  get #folder(): string {
    return join(jobFolder(this.#home, this.#job), 'outputs', CHECKPOINTS);
  }

  get #manifest(): string {
    return siteRunPath(this.#job, 'checkpoints.json');
  }

  #blob({ sha256 }: Artifact): string {
    return siteRunPath(this.#job, 'checkpoints', sha256);
  }
}

/** One that cannot be read lists nothing: the script begins anew. */
function parseManifest(text: string): CheckpointManifest {
  try {
    return CheckpointManifest.parse(JSON.parse(text));
  } catch {
    return { files: [] };
  }
}

/** `a/b/c` → `a`, `a/b`. */
function parents(path: string): string[] {
  const parts = dirname(path).split('/');
  return parts[0] === '.' ? [] : parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** Undefined while the script moves or removes it. */
async function stateOf(files: readonly OutputFile[]): Promise<string | undefined> {
  const states: string[] = [];
  for (const { path, absolute } of files) {
    const stat = await lstat(absolute, { bigint: true }).catch(() => undefined);
    if (!stat?.isFile()) return undefined;
    states.push(`${path} ${stat.size} ${stat.mtimeNs}`);
  }
  return states.join('\n');
}
