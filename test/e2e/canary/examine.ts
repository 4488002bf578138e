import { KINDS, type Exhibit, type Kind } from './exhibit.ts';
import type { Needles } from './needles.ts';
import { search, type Found } from './search.ts';
import { shapesIn } from './shapes.ts';

/** What was found where; never the value. */
export interface Finding extends Found {
  readonly kind: Kind;
  readonly exhibit: string;
  readonly onSite: boolean;
}

export interface Evidence {
  /** The names of all that was searched. */
  readonly searched: ReadonlyMap<Kind, string[]>;
  readonly findings: readonly Finding[];
  /** The smallest exhibit of each kind that is large enough to hide something in. */
  readonly samples: ReadonlyMap<Kind, Exhibit>;
}

/** Searches exhibits one after another, for needles and for the shapes of credentials. */
export async function examine(exhibits: AsyncIterable<Exhibit>, needles: Needles): Promise<Evidence> {
  const searched = new Map<Kind, string[]>(KINDS.map((kind) => [kind, []]));
  const findings: Finding[] = [];
  const samples = new Map<Kind, Exhibit>();
  for await (const exhibit of exhibits) {
    const { kind, name, bytes, onSite = false } = exhibit;
    searched.get(kind)?.push(name);
    const found = [...search(bytes, needles), ...shapesFound(exhibit)];
    for (const each of found) findings.push({ ...each, kind, exhibit: name, onSite });
    const least = samples.get(kind)?.bytes.length ?? Infinity;
    if (bytes.length >= LARGE_ENOUGH && bytes.length < least) samples.set(kind, exhibit);
  }
  return { searched, findings, samples };
}

const LARGE_ENOUGH = 500;

/** Layers and blobs are not asked for shapes: they hold other people's programs, which speak of keys. */
function shapesFound({ kind, name, bytes }: Exhibit): Found[] {
  if (kind === 'layer' || kind === 'blob' || name.startsWith('registry PATCH')) return [];
  return shapesIn(bytes).map((shape) => ({ name: shape, way: 'plain' }));
}
