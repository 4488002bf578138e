import { parseImageReference, type ImageReference } from '../../domain/image-reference.ts';
import { sessionReader } from '../../services/container-registry/content.ts';
import { RegistrySession } from '../../services/container-registry/session.ts';
import { verifyImage, type VerifiedImage } from '../../services/image-trust/verify-image.ts';
import { createSecrets } from '../../services/secrets.ts';
import { refused } from '../command-error.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { readPublicKey } from '../files/read-public-key.ts';
import { readText } from '../files/read-text.ts';
import type { ImageOutput } from '../output.ts';
import { printJson } from '../show/json.ts';
import { printable } from '../show/text.ts';

export interface VerifyImageOptions {
  readonly key: string[];
  readonly receiptKey: string[];
  readonly username?: string;
  readonly password?: string;
  readonly ca?: string;
  /** False: `--no-model`. */
  readonly model: boolean;
  readonly json?: boolean;
}

/**
 * `edge-train image verify IMAGE --key PEM --receipt-key PEM`: whether an image was signed, and holds exactly the model that the
 * site's receipt speaks of. @throws CommandError exit 2 for what cannot be read; ServiceError, each fault with its own type
 */
export async function verifyImageCommand(given: string, options: VerifyImageOptions): Promise<number> {
  const image = parsed(given);
  const name = `${image.registry}/${image.repository}`;
  const verified = await verifyImage({
    reader: sessionReader(await openSession(image, options), image.repository),
    ...{ name, reference: image.reference, readModel: options.model },
    keys: await readKeys(
      options.key,
      '--key',
      'Ask for image.pub: the public half of registry.signingKey in cloud.yml.',
    ),
    receiptKeys: await readKeys(options.receiptKey, '--receipt-key', 'Ask the site’s operator for receipt.pub.'),
  });
  if (options.json) printJson<ImageOutput>(outputOf(name, verified));
  else process.stdout.write(`${lines(name, verified).map(printable).join('\n')}\n`);
  return EXIT_CODE.done;
}

function parsed(given: string): ImageReference {
  const image = parseImageReference(given);
  if (image) return image;
  const fault = { path: 'image', rule: 'must be HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:DIGEST' };
  throw refused('That names no image.', [fault], '`edge-train status RUN` tells a run’s image.');
}

async function openSession({ registry }: ImageReference, options: VerifyImageOptions): Promise<RegistrySession> {
  const { username, password, ca } = options;
  if ((username === undefined) !== (password === undefined)) {
    const fault = { path: '--username, --password', rule: 'must be given both, or neither' };
    throw refused(
      'The registry’s login is not whole.',
      [fault],
      'Give both; without a login the registry is asked anonymously.',
    );
  }
  const secrets = createSecrets({ environment: process.env });
  const login =
    username === undefined || password === undefined
      ? {}
      : { login: { username, password: await secrets.resolve(password) } };
  const trust = ca === undefined ? {} : { ca: await readText(ca) };
  return new RegistrySession({ loginServer: registry, audience: '', ...login, ...trust });
}

const readKeys = (files: readonly string[], option: string, nextStep: string): Promise<string[]> =>
  Promise.all(files.map((file) => readPublicKey(file, option, nextStep)));

const outputOf = (name: string, { digest, keyId, provenance, receipt, components, modelRead }: VerifiedImage) => ({
  ...{ ok: true as const, image: `${name}@${digest}`, key: keyId, provenance, components, modelRead },
  ...{ receipt: receipt.digest, artifacts: receipt.predicate.released.artifacts },
});

function lines(name: string, { digest, keyId, provenance, receipt, components, modelRead }: VerifiedImage): string[] {
  const { model, site, job } = provenance.buildDefinition.externalParameters;
  const { artifacts } = receipt.predicate.released;
  return [
    `Image    ${name}@${digest}`,
    `Model    ${model.name} version ${model.version}, job ${job} of ${site}`,
    `Receipt  sha256:${receipt.digest}`,
    `SBOM     ${components} components`,
    '',
    `Verified: signed by the key sha256:${keyId}.`,
    'Verified: its provenance names the receipt, and the receipt is by the site.',
    modelRead
      ? `Verified: it holds exactly the model’s files that left the site (${artifacts.length}).`
      : 'The model’s files were not read.',
  ];
}
