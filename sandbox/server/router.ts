/**
 * Paths as Azure's specifications write them: `{name}` is one segment. Literals match in any case, a trailing slash is
 * nothing, parameters are decoded (%2F stays inside its segment).
 */
export interface Routed {
  method: string;
  path: string;
}

export interface Match<R> {
  route: R;
  params: Record<string, string>;
}

export class Router<R extends Routed> {
  readonly #routes: { route: R; segments: string[] }[];

  constructor(routes: R[]) {
    this.#routes = routes.map((route) => ({ route, segments: split(route.path) }));
  }

  /** The first route of this method and path. @throws URIError when an escape is malformed */
  match(method: string, path: string): Match<R> | undefined {
    const segments = split(path);
    for (const { route, segments: pattern } of this.#routes) {
      if (route.method !== method || pattern.length !== segments.length) continue;
      const params = fit(pattern, segments);
      if (params) return { route, params };
    }
    return undefined;
  }
}

function split(path: string): string[] {
  return path.replace(/^\//, '').replace(/\/$/, '').split('/');
}

function fit(pattern: string[], segments: string[]): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const segment = decodeURIComponent(segments[index]!);
    if (part.startsWith('{')) params[part.slice(1, -1)] = segment;
    else if (part.toLowerCase() !== segment.toLowerCase()) return undefined;
    if (segment === '') return undefined;
  }
  return params;
}
