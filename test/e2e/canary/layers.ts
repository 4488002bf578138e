import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Product } from '../product.ts';
import type { Exhibit } from './exhibit.ts';

/** All that the registry has in store: manifests, configs and layers, whether or not an image names them, and uploads
 * that were broken off. */
export function* layers({ folder }: Product): Generator<Exhibit> {
  const store = join(folder, 'sandbox', 'registry', 'data');
  for (const entry of readdirSync(store, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    yield { kind: 'layer', name: file.slice(store.length + 1), bytes: readFileSync(file) };
  }
}
