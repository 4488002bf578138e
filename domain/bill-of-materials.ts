import { z } from 'zod';
import { packageUrl, type Distribution, type InstalledPackage } from './installed-package.ts';
import type { Artifact } from './release.ts';
import type { Hash } from './resource-names.ts';

export interface Materials {
  readonly image: { readonly registry: string; readonly repository: string; readonly digest: string };
  readonly model: { readonly name: string; readonly version: number; readonly artifacts: readonly Artifact[] };
  /** Of the training data, nothing else leaves the site. */
  readonly rootDigest: string;
  readonly system?: Distribution;
  readonly packages: readonly InstalledPackage[];
  /** Which edge-train. */
  readonly tool: string;
  /** When training ended: the same run has the same bill. */
  readonly timestamp: string;
}

/** Where the model and its data are in a bill. */
const MODEL = 'model';
const DATA = 'training-data';

/**
 * CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/): what the image is made of, the model as a `machine-learning-model` with
 * the SHA-256 of each file, and the data that it was trained on by its root digest alone. The same materials are the same bill.
 */
export function billOfMaterials(materials: Materials, hash: Hash) {
  const { image, tool, timestamp } = materials;
  const components = [...systemComponents(materials), modelComponent(materials), dataComponent(materials)];
  const name = image.repository.split('/').at(-1) ?? image.repository;
  const query = `repository_url=${encodeURIComponent(`${image.registry}/${image.repository}`)}`;
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuid(hash(JSON.stringify([image, tool, timestamp, components])))}`,
    version: 1,
    metadata: {
      timestamp,
      tools: { components: [{ type: 'application', name: 'edge-train', version: tool }] },
      component: {
        ...{ type: 'container', 'bom-ref': 'image', name: image.repository, version: image.digest },
        hashes: [sha256(image.digest.replace(/^sha256:/, ''))],
        purl: `pkg:oci/${name}@${encodeURIComponent(image.digest)}?${query}`,
      },
    },
    components,
    dependencies: [
      { ref: 'image', dependsOn: components.map((component) => component['bom-ref']) },
      { ref: MODEL, dependsOn: [DATA] },
    ],
  };
}

function systemComponents({ system, packages }: Materials): Component[] {
  const found = new Map(packages.map((item) => [packageUrl(item, system), item]));
  const libraries = [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([purl, { name, version, licence }]) => ({
      ...{ type: 'library', 'bom-ref': purl, name, version, purl },
      ...(licence ? { licenses: ['expression' in licence ? licence : { license: licence }] } : {}),
    }));
  const own = system && { type: 'operating-system', 'bom-ref': 'system', name: system.id, version: system.version };
  return own ? [own, ...libraries] : libraries;
}

function modelComponent({ model }: Materials): Component {
  return {
    ...{ type: 'machine-learning-model', 'bom-ref': MODEL, name: model.name, version: String(model.version) },
    modelCard: { modelParameters: { datasets: [{ ref: DATA }] } },
    components: model.artifacts.map((artifact) => ({
      ...{ type: 'file', 'bom-ref': `${MODEL}/${artifact.path}`, name: artifact.path },
      hashes: [sha256(artifact.sha256)],
    })),
  };
}

function dataComponent({ rootDigest }: Materials): Component {
  return { type: 'data', 'bom-ref': DATA, name: 'training data', hashes: [sha256(rootDigest)] };
}

/** What a verifier reads of a bill; all else in it is for other programs. */
const Sha256Hashes = z.array(z.object({ alg: z.literal('SHA-256'), content: z.string() })).length(1);
export const BilledModel = z.object({
  bomFormat: z.literal('CycloneDX'),
  components: z.array(
    z.object({
      type: z.string(),
      name: z.string(),
      version: z.string().optional(),
      hashes: Sha256Hashes.optional().catch(undefined),
      components: z.array(z.object({ name: z.string(), hashes: Sha256Hashes })).optional(),
    }),
  ),
});
export type BilledModel = z.infer<typeof BilledModel>;

/** The model's files by path, and the data's root digest, as a bill states them; undefined where it has not exactly one of each. */
export function billed({ components }: BilledModel) {
  const models = components.filter(({ type }) => type === 'machine-learning-model');
  const data = components.filter(({ type }) => type === 'data');
  const [model, rootDigest] = [models[0], data[0]?.hashes?.[0]?.content];
  if (models.length !== 1 || data.length !== 1 || !model?.components || rootDigest === undefined) return undefined;
  const files = new Map(model.components.map(({ name, hashes }) => [name, hashes[0]?.content ?? '']));
  return { name: model.name, version: model.version, files, rootDigest };
}

interface Component {
  readonly type: string;
  readonly 'bom-ref': string;
  readonly name: string;
  readonly [field: string]: unknown;
}

const sha256 = (content: string) => ({ alg: 'SHA-256', content });

/** RFC 9562, version 8: made of a hash. */
function uuid(hex: string): string {
  const variant = '89ab'[Number.parseInt(hex[16] ?? '0', 16) % 4];
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `${variant}${hex.slice(17, 20)}`];
  return [...parts, hex.slice(20, 32)].join('-');
}
