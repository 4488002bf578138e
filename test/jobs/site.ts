import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What the operator of the site where these jobs run has in `site.yml`, beside the sandbox's own. */
export const OPERATORS = {
  environments: {
    lean: { python: '3.11', requirements: ['packaging==25.0'] },
    'lean:2': { python: '3.11', requirements: ['packaging==24.2'] },
  },
  dataAssets: {
    rows: { store: 'hospital', path: 'jobs/rows.csv' },
    'scans:2': { store: 'hospital', path: 'jobs/scans' },
    'teacher:1': { store: 'hospital', path: 'jobs/teacher' },
  },
} as const;

/** What lies in the store `hospital`. */
export const DATA: Readonly<Record<string, string>> = {
  'jobs/rows.csv': 'id,age\n1,50\n2,60\n',
  'jobs/scans/a.txt': 'a',
  'jobs/scans/deep/b.txt': 'b',
  'jobs/teacher/MLmodel': 'flavors:\n  python_function: {}\n',
  'jobs/weights.json': '[1, 2]',
};

/** Every job's name to what `edge-train run` is given: its training.yml where it has one, else the job file alone. */
export function jobs(): Map<string, { file: string; flags: { site?: string; model?: string } }> {
  const folders = readdirSync(import.meta.dirname, { withFileTypes: true, encoding: 'utf8' })
    .filter((entry) => entry.isDirectory() && entry.name !== 'shared')
    .map(({ name }) => name)
    .sort();
  return new Map(
    folders.map((name) => {
      const folder = join(import.meta.dirname, name);
      const hasTraining = readdirSync(folder).includes('training.yml');
      const flags = hasTraining ? {} : { site: 'demo', model: name };
      return [name, { file: join(folder, hasTraining ? 'training.yml' : 'job.yml'), flags }];
    }),
  );
}
