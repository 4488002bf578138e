import assert from 'node:assert/strict';
import type { Registry } from '../../services/container-registry/session.ts';
import { httpsSender } from '../../services/https.ts';

/** The user that goes with it. */
export const TOKEN_USER = '00000000-0000-0000-0000-000000000000';

/** Programs ask the registry for a token with a user name and a password: ACR takes a refresh token as one. */
export async function refreshToken({ loginServer, credential, audience, ca }: Registry): Promise<string> {
  const token = await credential?.getToken(`${audience}/.default`);
  const answer = await httpsSender(ca)({
    url: `https://${loginServer}/oauth2/exchange`,
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      ...{ grant_type: 'access_token', service: loginServer, access_token: token?.token ?? '' },
    }).toString(),
    timeout: 10_000,
  });
  assert.equal(answer.status, 200, answer.bodyAsText ?? '');
  return (JSON.parse(answer.bodyAsText ?? '{}') as { refresh_token: string }).refresh_token;
}
