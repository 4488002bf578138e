import { Failure } from '../server/errors.ts';
import type { Call } from '../server/front.ts';
import type { Registry } from './registry.ts';

/** One entry of a token's `access`, and one scope of a challenge. */
export interface Access {
  type: 'repository' | 'registry';
  name: string;
  actions: string[];
}

export const repositoryName = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*$/;

/** Checks that the request's token allows all of this. @throws Failure 401 with the challenge that says what to ask for */
export async function requireAccess(registry: Registry, call: Call, wanted: Access[]): Promise<void> {
  const token = /^Bearer (\S+)$/i.exec(call.headers.authorization ?? '')?.[1];
  if (!token)
    throw challenge(
      registry,
      wanted,
      'authentication required, visit https://aka.ms/acr/authorization for more information.',
    );
  const granted = await readGranted(registry, token);
  if (!granted) throw challenge(registry, wanted, 'invalid token', 'invalid_token');
  const missing = wanted.find((access) => !allows(granted, access));
  if (missing)
    throw challenge(
      registry,
      wanted,
      `the token does not allow ${missing.type}:${missing.name}:${missing.actions.join(',')}`,
      'insufficient_scope',
    );
}

/** `repository:a/b:pull,push registry:catalog:*`. @throws Failure 400 */
export function parseScopes(scopes: string[]): Access[] {
  return scopes
    .flatMap((each) => each.split(' '))
    .filter((each) => each !== '')
    .map((each) => {
      const match = /^(repository|registry):(.+):([a-z_,*]+)$/.exec(each);
      if (!match || (match[1] === 'repository' && !repositoryName.test(match[2]!)))
        throw new Failure(400, 'INVALID_SCOPE', `The scope '${each}' is invalid.`);
      return { type: match[1] as Access['type'], name: match[2]!, actions: match[3]!.split(',') };
    });
}

async function readGranted(registry: Registry, token: string): Promise<Access[] | undefined> {
  try {
    const claims = await registry.key.verify(token, {
      issuer: 'Azure Container Registry',
      audience: [registry.loginServer],
    });
    return claims.grant_type === 'access_token' ? (claims.access as Access[]) : undefined;
  } catch {
    return undefined;
  }
}

function allows(granted: Access[], { type, name, actions }: Access): boolean {
  const ours = granted.filter((each) => each.type === type && each.name === name).flatMap((each) => each.actions);
  return ours.includes('*') || actions.every((action) => ours.includes(action));
}

function challenge({ loginServer }: Registry, wanted: Access[], message: string, error?: string): Failure {
  const scope = wanted.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`).join(' ');
  const parts = [
    `realm="https://${loginServer}/oauth2/token"`,
    `service="${loginServer}"`,
    ...(scope ? [`scope="${scope}"`] : []),
    ...(error ? [`error="${error}"`] : []),
  ];
  return new Failure(401, 'UNAUTHORIZED', message, { headers: { 'www-authenticate': `Bearer ${parts.join(',')}` } });
}
