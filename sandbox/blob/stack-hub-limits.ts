import { Failure } from '../server/errors.ts';
import type { Call } from '../server/front.ts';

/** The newest version of the blob service that Stack Hub 2008 and later speak. */
export const stackHubVersion = '2019-07-07';

const blockBytes = 100 * 1024 * 1024;
const longestName = 880;

/** `comp` values of later versions, and of what Stack Hub never had. */
const absentOperations = [
  'tags',
  'blobs',
  'tier',
  'undelete',
  'query',
  'batch',
  'expiry',
  'immutabilitypolicies',
  'legalhold',
  'userdelegationkey',
];
const absentParameters = ['versionid', 'tid'];
const absentHeaders = [
  'x-ms-tags',
  'x-ms-if-tags',
  'x-ms-access-tier',
  'x-ms-rehydrate-priority',
  'x-ms-immutability-policy-mode',
  'x-ms-legal-hold',
  'x-ms-encryption-scope',
  'x-ms-encryption-key',
];

/** Refuses what a Stack Hub's blob service would not serve, and Azurite would. @throws Failure */
export function checkStackHub({ path, query, headers }: Call): void {
  const version = headers['x-ms-version'];
  if (version !== undefined && !served(String(version))) throw badHeader('x-ms-version', String(version));
  const sasVersion = query.get('sv');
  if (sasVersion !== null && !served(sasVersion)) throw badParameter('sv', sasVersion);
  const operation = query.get('comp');
  if (operation !== null && absentOperations.includes(operation.toLowerCase())) throw badParameter('comp', operation);
  const parameter = absentParameters.find((name) => query.has(name));
  if (parameter) throw badParameter(parameter, query.get(parameter)!);
  const header = absentHeaders.find((name) => headers[name] !== undefined);
  if (header)
    throw new Failure(400, 'UnsupportedHeader', 'One of the headers specified in the request is not supported.', {
      details: [{ code: 'HeaderName', message: header }],
    });
  if (/^bearer /i.test(headers.authorization ?? '')) {
    throw new Failure(
      403,
      'AuthenticationFailed',
      'Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.',
      {
        details: [
          {
            code: 'AuthenticationErrorDetail',
            message: 'Tokens are not supported for storage here; use the account key or a SAS.',
          },
        ],
      },
    );
  }
  if (operation === 'block' && Number(headers['content-length'] ?? 0) > blockBytes) {
    throw new Failure(
      413,
      'RequestBodyTooLarge',
      'The request body is too large and exceeds the maximum permissible limit.',
      { details: [{ code: 'MaxLimit', message: String(blockBytes) }] },
    );
  }
  if (blobName(path).length > longestName)
    throw new Failure(
      400,
      'OutOfRangeInput',
      'One of the request inputs is out of range: a blob name has at most 880 characters.',
    );
}

/** Versions are dates: they compare as text. */
function served(version: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(version) && version <= stackHubVersion;
}

function blobName(path: string): string {
  const name = path.split('/').slice(3).join('/');
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function badHeader(name: string, value: string): Failure {
  return new Failure(400, 'InvalidHeaderValue', 'The value for one of the HTTP headers is not in the correct format.', {
    details: [
      { code: 'HeaderName', message: name },
      { code: 'HeaderValue', message: value },
    ],
  });
}

function badParameter(name: string, value: string): Failure {
  return new Failure(
    400,
    'InvalidQueryParameterValue',
    'Value for one of the query parameters specified in the request URI is invalid.',
    {
      details: [
        { code: 'QueryParameterName', message: name },
        { code: 'QueryParameterValue', message: value },
      ],
    },
  );
}
