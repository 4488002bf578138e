import { z } from 'zod';
import { ImageRefused } from './image-refused.ts';

const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const Blob = z.object({ mediaType: z.string(), digest: Digest, size: z.int().min(0) });
const Manifest = z.object({ schemaVersion: z.literal(2), config: Blob, layers: z.array(Blob).max(256) });
const Index = z.object({
  schemaVersion: z.literal(2),
  manifests: z
    .array(Blob.extend({ platform: z.object({ os: z.string(), architecture: z.string() }).optional() }))
    .max(1000),
});
const Config = z.object({
  os: z.string(),
  architecture: z.string(),
  config: z
    .object({
      Env: z.array(z.string()).nullish(),
      Entrypoint: z.array(z.string()).nullish(),
      Cmd: z.array(z.string()).nullish(),
      WorkingDir: z.string().nullish(),
      ExposedPorts: z.record(z.string(), z.unknown()).nullish(),
    })
    .nullish(),
  rootfs: z.object({ diff_ids: z.array(Digest) }),
});

/** What an image's manifest says: OCI's and Docker's (schema 2) are one here. */
export type PulledImage = z.infer<typeof Manifest>;
export type PulledConfig = z.infer<typeof Config>;

/** Registries take no larger config of note. */
export const MAX_CONFIG = 8 * 2 ** 20;
/** As the specifications call Node's names. */
export const ARCHITECTURE: string = { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch;

/** The digest of an index's image for Linux on this processor, or the manifest itself. @throws ImageRefused */
export function readManifest(content: Buffer): { image: PulledImage } | { digest: string } {
  const value = json(content);
  const index = Index.safeParse(value);
  if (index.success) {
    const fitting = index.data.manifests.find(
      ({ platform }) => platform?.os === 'linux' && platform.architecture === ARCHITECTURE,
    );
    if (!fitting) throw new ImageRefused(`it has no image for Linux on ${ARCHITECTURE}`);
    return { digest: fitting.digest };
  }
  const manifest = Manifest.safeParse(value);
  if (!manifest.success) throw new ImageRefused('its manifest is none of OCI’s or of Docker’s schema 2');
  if (manifest.data.layers.some(({ mediaType }) => /foreign|nondistributable/.test(mediaType))) {
    throw new ImageRefused('a layer of it is in another place than the registry');
  }
  return { image: manifest.data };
}

/** @throws ImageRefused */
export function readConfig(content: Buffer, { layers }: PulledImage): PulledConfig {
  const config = Config.safeParse(json(content));
  if (!config.success) throw new ImageRefused('it is no container image: its config says no layers');
  const { os, architecture, rootfs } = config.data;
  if (os !== 'linux' || architecture !== ARCHITECTURE) throw new ImageRefused(`it is for ${os} on ${architecture}`);
  if (rootfs.diff_ids.length !== layers.length)
    throw new ImageRefused('its config names other layers than its manifest');
  return config.data;
}

/** The image's variables; what is none is left out. */
export function variablesOf({ config }: PulledConfig): Record<string, string> {
  const pairs = (config?.Env ?? []).map(
    (entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const,
  );
  return Object.fromEntries(
    pairs.filter(([name, value]) => /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name) && !value.includes('\0')),
  );
}

/** The program that an image starts, and the one TCP port that it says to listen on; no port where it says none, or several. */
export function serverOf({ config }: PulledConfig): {
  entrypoint: string[];
  command: string[];
  workingDirectory: string;
  port?: number;
} {
  const ports = Object.keys(config?.ExposedPorts ?? {}).flatMap((name) => /^(\d+)(?:\/tcp)?$/.exec(name)?.[1] ?? []);
  return {
    entrypoint: config?.Entrypoint ?? [],
    command: config?.Cmd ?? [],
    workingDirectory: config?.WorkingDir ?? '',
    ...(ports.length === 1 ? { port: Number(ports[0]) } : {}),
  };
}

function json(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString('utf8'));
  } catch {
    throw new ImageRefused('what the registry gives is no JSON');
  }
}
