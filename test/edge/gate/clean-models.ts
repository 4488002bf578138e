import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const MODELS = join(import.meta.dirname, 'models');

/** Real models, as their libraries saved them (`models/make.py`); by path. */
export const cleanModels = (): Map<string, Buffer> => read('clean');

/** Real models that hold rows of their training data as they are or scaled. */
export const storingModels = (): Map<string, Buffer> => read('storing');

export const model = (path: string): Buffer => readFileSync(join(MODELS, path));

function read(folder: string): Map<string, Buffer> {
  const files = readdirSync(join(MODELS, folder), { recursive: true, withFileTypes: true }).filter((each) =>
    each.isFile(),
  );
  const paths = files.map(({ parentPath, name }) => join(parentPath, name));
  return new Map(paths.map((path) => [path.slice(join(MODELS, folder).length + 1), readFileSync(path)]));
}
