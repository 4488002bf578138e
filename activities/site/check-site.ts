import { CheckRequest, type SiteChecks } from '../../domain/check.ts';
import { parse } from '../../domain/validation.ts';
import { invalidInput, ServiceError } from '../../services/errors.ts';
import { tryPayloadKeys } from '../../services/payload-codec.ts';
import { signingKeyId } from '../../services/signing.ts';
import { needs, once, runChecks, type CheckWork } from '../checks.ts';
import { compareClocks } from '../compare-clocks.ts';
import { versionText } from '../version-check.ts';
import { storageChecks } from './check/storage.ts';
import { findRunningMachines, stackHubChecks } from './check/stack-hub.ts';
import { temporalCheck } from './check/temporal.ts';
import { uplinkChecks } from './check/uplink.ts';
import type { SiteDependencies } from './dependencies.ts';
import type { SiteSession } from './site-session.ts';

export type SiteCheckRequest = CheckRequest & { readonly release?: string };

/** Looks at all that the site worker and its VMs need; changes nothing, and never fails for what it finds. */
export async function checkSite(
  open: () => Promise<SiteSession>,
  dependencies: SiteDependencies,
  { release, ...asked }: SiteCheckRequest,
): Promise<SiteChecks> {
  const request = checkedRequest(asked);
  const file = { name: 'site.yml', look: async () => siteName(await open(), request) };
  const session = await open().catch(() => undefined);
  if (!session || session.site.name !== request.site)
    return { checks: await runChecks('site', [file, versionCheck(request)]), machines: [] };
  const hub = stackHubChecks(session);
  const keyId = once(async () => signingKeyId(await dependencies.secrets.resolve(session.site.receiptKey)));
  const checks = await runChecks('site', [
    file,
    ...hub.checks,
    ...storageChecks(session, hub.signIn),
    { name: 'receipt key', look: async () => `P-256, SHA-256 of its public half ${(await keyId()).slice(0, 12)}` },
    ...uplinkChecks(session, release),
    temporalCheck(session, dependencies),
    clockCheck(session),
    policyCheck(session),
    {
      name: 'encryption',
      look: () => tryPayloadKeys(session.site.codec, dependencies.secrets).then(({ detail }) => detail),
    },
    versionCheck(request),
  ]);
  // What could not be had in time has been told above.
  const [receiptKey, machines] = await Promise.all([
    needs('the key', keyId()).catch(() => undefined),
    needs('the VMs', findRunningMachines(hub.signIn, dependencies.bundle.digest)).catch(() => []),
  ]);
  return { checks, ...(receiptKey === undefined ? {} : { receiptKey }), machines };
}

function checkedRequest(asked: unknown): CheckRequest {
  const parsed = parse(CheckRequest, asked);
  if (parsed.ok) return parsed.value;
  throw invalidInput(parsed.issues);
}

function siteName({ site, digest }: SiteSession, request: CheckRequest): string {
  if (site.name === request.site) return `read (SHA-256 ${digest.slice(0, 12)})`;
  throw new ServiceError({
    class: 'policy',
    type: 'SiteUnknown',
    cause: `This worker serves the site ${site.name}, and ${request.site} was asked for.`,
    nextStep: `Ask for ${site.name}, or use the Temporal namespace of ${request.site}: each site has its own.`,
    retryable: false,
  });
}

function clockCheck({ site, ca }: SiteSession): CheckWork {
  const blobs = site.storageAccounts[site.runs.account]?.blobEndpoint;
  return {
    name: 'clock',
    look: () => compareClocks([site.stackHub.endpoint, ...(blobs === undefined ? [] : [blobs])], ca),
  };
}

function versionCheck(request: CheckRequest): CheckWork {
  return { name: 'versions', look: async () => versionText(request) };
}

/** Nothing here is wrong; some of it is worth a second thought. */
function policyCheck({ site: { release, attach } }: SiteSession): CheckWork {
  const advice = [
    release.pickle === 'allow'
      ? 'release.pickle is allow: a pickle is code to whoever loads it, and may hold rows of the data; let an approver sign for it (approve), or deny it where models can be saved as safetensors or ONNX.'
      : '',
    release.pickle === 'approve' && !release.approval
      ? 'release.pickle is approve, and release.approval names nobody: no pickle can leave. Name an approver, or say allow or deny.'
      : '',
    attach.mode !== 'never' && attach.from.endsWith('/0')
      ? 'attach.from opens port 22 to every address while Azure ML attaches: name those that Azure ML dials from.'
      : '',
  ].filter((each) => each !== '');
  const detail = `pickle: ${release.pickle}, attach: ${attach.mode}`;
  return { name: 'policy', look: async () => (advice.length > 0 ? { detail, advice: advice.join(' ') } : detail) };
}
