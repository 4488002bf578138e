import type { CheckRequest, CloudChecks } from '../../domain/check.ts';
import type { CloudFile } from '../../domain/cloud-file.ts';
import { hasContainer } from '../../services/blob-storage.ts';
import { RegistrySession } from '../../services/container-registry/session.ts';
import { ServiceError, toServiceError } from '../../services/errors.ts';
import { trackingUri } from '../../services/machine-learning/workspace.ts';
import { tryPayloadKeys } from '../../services/payload-codec.ts';
import { signingKeyId } from '../../services/signing.ts';
import { needs, once, runChecks, type CheckWork } from '../checks.ts';
import { compareClocks } from '../compare-clocks.ts';
import { requireContainer } from '../require-container.ts';
import type { Cloud } from './cloud.ts';
import { temporalChecks, type CheckedFront } from './check-temporal.ts';
import type { Workflows } from './temporal.ts';

/** Looks at all that the cloud worker needs; changes nothing, and never fails for what it finds. */
export async function checkCloud(
  open: () => Promise<Cloud>,
  workflows: Workflows,
  front: CheckedFront,
  request: CheckRequest,
): Promise<CloudChecks> {
  const file = {
    name: 'cloud.yml',
    look: async () => `read; knows ${Object.keys((await open()).file.sites).join(', ')}`,
  };
  const temporal = temporalChecks(workflows, front, request);
  const cloud = await open().catch(() => undefined);
  if (!cloud) return { checks: await runChecks('cloud', [file, ...temporal]) };
  const signIn = signingIn(cloud);
  const checks = await runChecks('cloud', [
    file,
    ...azureChecks(cloud, signIn),
    ...releaseChecks(cloud),
    ...registryChecks(cloud, signIn),
    receiptKeyCheck(cloud.file, request.site),
    imageKeyCheck(cloud),
    clockCheck(cloud),
    { name: 'encryption', look: () => tryPayloadKeys(cloud.file.codec, cloud.secrets).then(({ detail }) => detail) },
    ...temporal,
  ]);
  const receiptKey = knownKey(cloud.file, request.site);
  return {
    checks,
    ...(receiptKey === undefined ? {} : { receiptKey }),
    release: hostOf(cloud.file.release.blobEndpoint),
  };
}

type SignIn = () => Promise<void>;

const signingIn = (cloud: Cloud): SignIn =>
  once(async () => {
    const { azure } = cloud.file;
    try {
      await (await cloud.credential()).getToken(`${azure.audience.replace(/\/+$/, '')}/.default`);
    } catch (error) {
      throw toServiceError(error, `signing in as ${azure.clientId} at ${azure.authority}`);
    }
  });

function azureChecks(cloud: Cloud, signIn: SignIn): CheckWork[] {
  const { azure } = cloud.file;
  return [
    { name: 'Azure sign-in', look: async () => (await signIn(), `signed in as ${azure.clientId}`) },
    {
      name: 'Azure ML workspace',
      look: async () => {
        await needs('the sign-in at Azure', signIn());
        await trackingUri(await cloud.workspace());
        return `${azure.workspace} in ${azure.resourceGroup} is readable`;
      },
    },
  ];
}

function releaseChecks(cloud: Cloud): CheckWork[] {
  const { blobEndpoint, codeContainer, stagingContainer, modelContainer } = cloud.file.release;
  /** That a container is absent says, too, that the key is right. */
  const account = once(async () => {
    const opened = await cloud.release();
    await hasContainer(opened.container(stagingContainer));
    return opened;
  });
  return [
    { name: 'release account', look: async () => (await account(), `${blobEndpoint} takes the key`) },
    {
      name: 'release containers',
      look: async () => {
        const { container } = await needs('the release account', account());
        await requireContainer(container(codeContainer), `${codeContainer} of release.codeContainer in cloud.yml`);
        const others = [stagingContainer, modelContainer].map(
          async (name) => `${name}${(await hasContainer(container(name))) ? '' : ' (the first run makes it)'}`,
        );
        return [codeContainer, ...(await Promise.all(others))].join(', ');
      },
    },
  ];
}

/** One request tells both: the registry answers for a manifest only who has signed in. */
function registryChecks(cloud: Cloud, signIn: SignIn): CheckWork[] {
  const { loginServer, base } = cloud.file.registry;
  const [repository, digest] = base.split('@');
  const asked = once(async () => {
    await needs('the sign-in at Azure', signIn());
    const session = new RegistrySession(await cloud.registry());
    const accept = ['manifest.v1', 'index.v1'].map((kind) => `application/vnd.oci.image.${kind}+json`);
    const docker = ['manifest.v2', 'manifest.list.v2'].map(
      (kind) => `application/vnd.docker.distribution.${kind}+json`,
    );
    return session.send({
      method: 'HEAD',
      target: `/v2/${repository}/manifests/${digest}`,
      headers: { accept: [...accept, ...docker].join(', ') },
      accept: [200, 404],
    });
  });
  return [
    { name: 'registry', look: async () => (await asked(), `${loginServer} takes the sign-in`) },
    {
      name: 'serving base image',
      look: async () => {
        const { status } = await needs('the registry', asked());
        if (status === 200) return base;
        throw new ServiceError({
          class: 'policy',
          type: 'BaseUnusable',
          cause: `The base image ${loginServer}/${base} is not in the registry.`,
          nextStep: 'Push the base, or correct registry.base in cloud.yml: REPOSITORY@sha256:DIGEST.',
          retryable: false,
        });
      },
    },
  ];
}

function receiptKeyCheck({ sites }: CloudFile, site: string): CheckWork {
  return {
    name: 'receipt public key',
    look: async () => {
      const known = Object.hasOwn(sites, site) ? sites[site] : undefined;
      if (known) return `SHA-256 ${signingKeyId(known.receiptPublicKey).slice(0, 12)}`;
      throw new ServiceError({
        class: 'policy',
        type: 'SiteUnknown',
        cause: `cloud.yml knows no site ${site}; it has ${Object.keys(sites).join(', ') || 'none'}.`,
        nextStep: `Add sites.${site}.receiptPublicKey to cloud.yml: no model of ${site} is registered without it.`,
        retryable: false,
      });
    },
  };
}

/** Without a key all else works, so it is advice and no fault. */
function imageKeyCheck(cloud: Cloud): CheckWork {
  const { signingKey } = cloud.file.registry;
  return {
    name: 'image signing key',
    look: async () => {
      if (signingKey !== undefined) {
        const key = await cloud.secrets.resolve(signingKey, await cloud.credential());
        return `SHA-256 ${signingKeyId(key).slice(0, 12)}`;
      }
      return {
        detail: 'none: images are not signed',
        advice: 'Make a key and name it as registry.signingKey in cloud.yml; docs/supply-chain.md says how.',
      };
    },
  };
}

function knownKey({ sites }: CloudFile, site: string): string | undefined {
  try {
    return Object.hasOwn(sites, site) ? signingKeyId(sites[site]?.receiptPublicKey ?? '') : undefined;
  } catch {
    return undefined;
  }
}

function clockCheck({ file: { azure, release }, ca }: Cloud): CheckWork {
  return { name: 'clock', look: () => compareClocks([azure.endpoint, release.blobEndpoint], ca) };
}

function hostOf(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || 443}`;
}
