import { ServiceError, toServiceError } from '../errors.ts';
import { getThroughUplink, pull, readBody, type PullSource } from './pull.ts';

/** Who asks a registry for a token; absent: anybody. */
export interface PullCredential {
  readonly username: string;
  readonly password: string;
}

export interface PullToken {
  /** The `Authorization` header to pull with; absent where the registry asks for none. */
  readonly authorization?: string;
  /** When the token runs out, at the latest. */
  readonly expires: Date;
}

/** As the token specification has it where the answer does not say. */
const DEFAULT_SECONDS = 60;
/** Nobody is let in for longer than this, however long the token lives. */
const MOST_SECONDS = 3600;
const MAX_ANSWER = 1024 * 1024;

/**
 * A token that pulls from this one repository and does nothing else (distribution token specification): the registry's challenge
 * says where it is had. The credential goes to the registry's own host, or to `tokenHost`, and nowhere else.
 * @throws ServiceError `RegistryDenied` (policy), `UplinkDenied`, `Unreachable`
 */
export async function pullToken(
  source: PullSource,
  credential: PullCredential | undefined,
  { tokenHost, now = new Date() }: { tokenHost?: string | undefined; now?: Date } = {},
): Promise<PullToken> {
  const asked = await pull({ ...source, authorization: undefined }, 'manifests/latest', '*/*');
  asked.destroy();
  const challenge = asked.headers['www-authenticate'] ?? '';
  if (asked.statusCode !== 401) return { expires: after(now, MOST_SECONDS) };
  if (!/^bearer /i.test(challenge)) throw denied(source, 'it wants a password from who pulls, and gives no token');
  const url = tokenUrl(source, challenge, tokenHost);
  const basic = credential && Buffer.from(`${credential.username}:${credential.password}`).toString('base64');
  const response = await getThroughUplink(source, url, basic === undefined ? {} : { authorization: `Basic ${basic}` });
  const body = await readBody(response, MAX_ANSWER, `the token of ${source.registry}`);
  const status = response.statusCode ?? 0;
  if (status === 429 || status >= 500) {
    const busy = Object.assign(new Error('it gives no token now'), { statusCode: status });
    throw toServiceError(busy, `asking ${source.registry} for a token`);
  }
  if (status !== 200) {
    const who = credential ? 'it gives this credential no token' : 'it gives nobody a token without a credential';
    throw denied(source, `${who} (status ${status})`);
  }
  const { token, seconds } = parsed(source, body);
  return { authorization: `Bearer ${token}`, expires: after(now, Math.min(seconds, MOST_SECONDS)) };
}

function tokenUrl({ registry, repository }: PullSource, challenge: string, tokenHost: string | undefined): URL {
  const field = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1];
  const realm = field('realm') ?? '';
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  const known = new URL(`https://${tokenHost ?? registry}`);
  if (url?.protocol !== 'https:' || url.host !== known.host || url.username !== '') {
    throw denied(
      { registry, repository },
      `its tokens come from ${url?.host ?? 'nowhere'}, and site.yml does not say so (registries: tokenHost)`,
    );
  }
  url.search = new URLSearchParams({
    service: field('service') ?? registry,
    scope: `repository:${repository}:pull`,
  }).toString();
  return url;
}

function parsed(source: PullSource, body: Buffer): { token: string; seconds: number } {
  try {
    const said = JSON.parse(body.toString('utf8')) as Record<string, unknown>;
    const token = said['token'] ?? said['access_token'];
    if (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) {
      return { token, seconds: tokenSeconds(token, said['expires_in']) };
    }
  } catch {
    // said below
  }
  throw denied(source, 'its answer is no token');
}

/** How long a token lives: as is `stated`, else as it says itself, as ACR's do. */
export function tokenSeconds(token: string, stated?: unknown): number {
  if (typeof stated === 'number' && stated > 0) return stated;
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as {
      exp?: unknown;
      iat?: unknown;
    };
    if (typeof claims.exp === 'number' && typeof claims.iat === 'number' && claims.exp > claims.iat)
      return claims.exp - claims.iat;
  } catch {
    // it says nothing
  }
  return DEFAULT_SECONDS;
}

const after = (now: Date, seconds: number): Date => new Date(now.getTime() + seconds * 1000);

function denied({ registry, repository }: Pick<PullSource, 'registry' | 'repository'>, why: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'RegistryDenied',
    cause: `The registry ${registry} does not let the site pull ${repository}: ${why}.`,
    nextStep: 'Correct registries in site.yml: a credential that may pull, and nothing else.',
    retryable: false,
  });
}
