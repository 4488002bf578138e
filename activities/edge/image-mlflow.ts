import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** How pip and conda record that a package is there. */
const RECORD = /^mlflow([_-]skinny)?-[^/]+\.(dist|egg)-info$/;
const PACKAGES = new Set(['site-packages', 'dist-packages']);
/** They hold no packages, and much. */
const PASSED_OVER = new Set(['node_modules', '__pycache__', 'proc', 'sys', 'dev']);

/** Whether a Python of an image's tree, wherever it is, has MLflow. Links are not followed: what they lead to is in the tree itself. */
export async function hasMlflowWithin(tree: string): Promise<boolean> {
  const folders = [tree];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (!entry.isDirectory() || PASSED_OVER.has(entry.name)) continue;
      const path = join(folder, entry.name);
      if (!PACKAGES.has(entry.name)) folders.push(path);
      else if ((await readdir(path)).some((name) => RECORD.test(name))) return true;
    }
  }
  return false;
}
