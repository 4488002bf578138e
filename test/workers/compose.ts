import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

export const ROOT = path.join(import.meta.dirname, '../..');

export interface Service {
  readonly image: string;
  readonly build?: string;
  readonly profiles?: string[];
  readonly environment?: Record<string, string>;
  readonly entrypoint?: string[];
  readonly command?: string[];
  readonly volumes?: string[];
  readonly secrets?: string[];
  readonly ports?: string[];
  readonly depends_on?: Record<string, { condition: string }>;
  readonly healthcheck?: { test: string[] };
  readonly network_mode?: string;
  init?: boolean;
  readonly read_only?: boolean;
  readonly cap_drop?: string[];
  readonly security_opt?: string[];
}

export interface Compose {
  readonly services: Record<string, Service>;
  readonly volumes: Record<string, unknown>;
  readonly secrets: Record<string, { file: string }>;
}

/** `docker-compose.yml` as Compose reads it: YAML with merge keys. */
export function readCompose(): Compose {
  return parse(readFileSync(path.join(ROOT, 'docker-compose.yml'), 'utf8'), { merge: true }) as Compose;
}

export function service(name: string): Service {
  const found = readCompose().services[name];
  if (!found) throw new Error(`docker-compose.yml has no service ${name}`);
  return found;
}

/** A short volume: `./file:/target:ro` is a bind, `name:/target` a volume. */
export function mounts({ volumes = [] }: Service): { source: string; target: string; bind: boolean; mode: string }[] {
  return volumes.map((volume) => {
    const [source = '', target = '', mode = 'rw'] = volume.split(':');
    return { source, target, mode, bind: source.startsWith('.') };
  });
}
