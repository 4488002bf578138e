import type { FailureClass } from '../domain/failure.ts';

/** What an error means: whose turn it is, the fixed word that code decides on, what to do, and whether to try again. */
export interface Verdict {
  readonly class: FailureClass;
  readonly type: string;
  readonly nextStep: string;
  readonly retryable: boolean;
}

const verdict = (failureClass: FailureClass, type: string, retryable: boolean, nextStep: string): Verdict => ({
  class: failureClass,
  type,
  retryable,
  nextStep,
});

const quota = verdict(
  'quota',
  'QuotaExceeded',
  false,
  'Ask the operator for quota, delete idle VMs, or choose a smaller VM size.',
);
const noCapacity = verdict(
  'quota',
  'NoCapacity',
  true,
  'The Stack Hub has no room now: it is tried again; a smaller VM size may fit.',
);
const sizeAbsent = verdict(
  'quota',
  'SkuNotAvailable',
  false,
  'Choose another VM size; site.yml lists those that the site allows.',
);
const busy = verdict('host', 'Busy', true, 'Another operation on the resource is under way; it is tried again.');
const nameTaken = verdict(
  'host',
  'NameTaken',
  false,
  'Something of that name is there already: remove it if nobody needs it, or choose another VM name.',
);
const denied = verdict(
  'policy',
  'Denied',
  false,
  'Give the credential the right that is named, or name another credential in the configuration.',
);
const badCredential = verdict(
  'policy',
  'CredentialRefused',
  false,
  'Correct the credential that the configuration refers to; it is read anew at each attempt.',
);
const absent = verdict('host', 'NotFound', false, 'Check that what is named exists where the configuration says.');
const unreachable = verdict(
  'network',
  'Unreachable',
  true,
  'Check the endpoint, the network and the uplink’s allow-list; it is tried again.',
);
const untrusted = verdict(
  'network',
  'CertificateNotTrusted',
  false,
  'Name the service’s certificate authority as caFile in the configuration.',
);
const unavailable = verdict('network', 'ServiceUnavailable', true, 'The service is in trouble; it is tried again.');
const throttled = verdict(
  'network',
  'Throttled',
  true,
  'The service asks for fewer calls; it is tried again after the time it named.',
);
const refused = verdict(
  'internal',
  'RequestRefused',
  false,
  'The service refused the request as it was made: see the cause; a newer edge-train may be needed.',
);
const changed = verdict(
  'data',
  'Changed',
  false,
  'The blob changed since it was read or planned: start the run again.',
);
const expired = verdict('network', 'GrantExpired', false, 'The grant is made anew by the workflow.');
const noImage = verdict(
  'host',
  'ImageNotFound',
  false,
  'Correct virtualMachines.image in site.yml, or ask the operator for that image.',
);
const installFailed = verdict(
  'host',
  'InstallFailed',
  false,
  'The cause has the installer’s last words: correct the VM image or the site file, then start the run again.',
);
const installCut = verdict(
  'host',
  'InstallInterrupted',
  true,
  'The VM’s agent was cut off or could not download; it is tried again.',
);
const diskFull = verdict('host', 'DiskFull', false, 'Free space on the disk that is named.');

/** By Azure's error code; nested codes are looked up first, since `DeploymentFailed` says nothing. */
export const azureCodes: Readonly<Record<string, Verdict>> = {
  QuotaExceeded: quota,
  ResourceQuotaExceeded: quota,
  OperationNotAllowed: quota,
  OutOfQuota: quota,
  SkuNotAvailable: sizeAbsent,
  InvalidParameterVmSize: sizeAbsent,
  AllocationFailed: noCapacity,
  ZonalAllocationFailed: noCapacity,
  OverconstrainedAllocationRequest: noCapacity,
  AnotherOperationInProgress: busy,
  RetryableError: busy,
  RetryableErrorDueToAnotherOperation: busy,
  DeploymentActiveAndUneditable: busy,
  OperationPreempted: busy,
  Conflict: busy,
  ConflictingUserInput: nameTaken,
  ResourceGroupBeingDeleted: busy,
  AuthorizationFailed: denied,
  LinkedAuthorizationFailed: denied,
  ScopeLocked: denied,
  RequestDisallowedByPolicy: denied,
  AuthenticationFailed: badCredential,
  InvalidAuthenticationToken: badCredential,
  ExpiredAuthenticationToken: verdict('network', 'TokenExpired', true, 'A new token is fetched at the next attempt.'),
  invalid_client: badCredential,
  unauthorized_client: badCredential,
  AuthenticationRequiredError: badCredential,
  ResourceNotFound: absent,
  ResourceGroupNotFound: absent,
  ParentResourceNotFound: absent,
  SubscriptionNotFound: absent,
  ContainerNotFound: absent,
  BlobNotFound: absent,
  ImageNotFound: noImage,
  PlatformImageNotFound: noImage,
  VMExtensionProvisioningError: installFailed,
  VMExtensionHandlerNonTransientError: installFailed,
  VMExtensionProvisioningTimeout: installCut,
  VMAgentStatusCommunicationError: installCut,
  BlobAlreadyExists: verdict('internal', 'AlreadyExists', false, 'What is there already is used.'),
  ConditionNotMet: changed,
  SasExpired: expired,
  InvalidHeaderValue: refused,
  ServerBusy: unavailable,
  OperationTimedOut: unavailable,
  InternalError: unavailable,
  InternalServerError: unavailable,
  TooManyRequests: throttled,
  SubscriptionRequestsThrottled: throttled,
};

/** By Node's error code, and its like of HTTP clients. */
export const errnoCodes: Readonly<Record<string, Verdict>> = {
  ...Object.fromEntries(
    [
      'ECONNREFUSED',
      'ECONNRESET',
      'ECONNABORTED',
      'EPIPE',
      'ETIMEDOUT',
      'ENOTFOUND',
      'EAI_AGAIN',
      'EHOSTUNREACH',
      'ENETUNREACH',
      'UND_ERR_CONNECT_TIMEOUT',
      'UND_ERR_SOCKET',
      'UND_ERR_HEADERS_TIMEOUT',
      'UND_ERR_BODY_TIMEOUT',
      'REQUEST_SEND_ERROR',
      'ERR_STREAM_PREMATURE_CLOSE',
      // MSAL's, which hide the cause: the token service cannot be reached, or answers with 5xx.
      'network_error',
      'endpoints_resolution_error',
      'openid_config_error',
    ].map((code) => [code, unreachable]),
  ),
  ...Object.fromEntries(
    [
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'SELF_SIGNED_CERT_IN_CHAIN',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'UNABLE_TO_GET_ISSUER_CERT',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'CERT_HAS_EXPIRED',
      'CERT_NOT_YET_VALID',
      'ERR_TLS_CERT_ALTNAME_INVALID',
    ].map((code) => [code, untrusted]),
  ),
  ENOSPC: diskFull,
  EDQUOT: diskFull,
};

/** By HTTP status, where no code says more. */
export function statusVerdict(status: number | undefined): Verdict | undefined {
  if (status === undefined) return undefined;
  if (status === 429) return throttled;
  if (status === 401) return badCredential;
  if (status === 403) return denied;
  if (status === 404 || status === 410) return absent;
  if (status === 408 || status >= 500) return unavailable;
  if (status === 409) return busy;
  if (status === 412) return changed;
  if (status >= 300) return refused;
  return undefined;
}
