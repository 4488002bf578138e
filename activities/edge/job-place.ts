import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import type { JobPlace } from '../../services/systemd.ts';
import type { EdgeDependencies } from './dependencies.ts';

/** What records an environment or an image on the VM: the bytes whose SHA-256 is the receipt's `lock`. */
export const LOCK = 'environment.lock';
/** Of an image: its variables, whether it has MLflow, and the server that it starts. */
export const IMAGE_FILE = 'image.json';

/** Where the job runs: in an environment on the VM's own programs, or in an image. */
export function jobPlace({ environment: { digest, image } }: TrainingPlan): JobPlace {
  return image ? { image: digest } : { environment: digest };
}

/** The lock of what the job runs in; undefined where it has none. */
export async function readLock(edge: EdgeDependencies, plan: TrainingPlan): Promise<string | undefined> {
  return await readFile(join(placeFolder(edge, plan), LOCK), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** The image's own variables; undefined where the job runs in none. */
export async function imageVariables(
  edge: EdgeDependencies,
  plan: TrainingPlan,
): Promise<Record<string, string> | undefined> {
  return plan.environment.image && (await readImageFile(edge, plan)).variables;
}

/** Whether a script can log with MLflow in the image of the job, as far as is known: one that an older edge-train pulled does not say. */
export async function imageHasMlflow(edge: EdgeDependencies, of: Pick<TrainingPlan, 'environment'>): Promise<boolean> {
  return (await readImageFile(edge, of)).mlflow === true;
}

async function readImageFile(
  edge: EdgeDependencies,
  of: Pick<TrainingPlan, 'environment'>,
): Promise<{ variables: Record<string, string>; mlflow?: boolean }> {
  const text = await readFile(join(placeFolder(edge, of), IMAGE_FILE), 'utf8');
  return JSON.parse(text) as { variables: Record<string, string>; mlflow?: boolean };
}

const placeFolder = (
  { home }: EdgeDependencies,
  { environment: { digest, image } }: Pick<TrainingPlan, 'environment'>,
): string => join(home, image ? 'images' : 'environments', digest);
