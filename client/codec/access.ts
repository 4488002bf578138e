import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

const COOKIE = 'edge-train-codec';

/** Who may ask: by `Authorization: Bearer TOKEN`, or by the cookie that signing in with the token gives. */
export interface Access {
  allows(headers: IncomingHttpHeaders): boolean;
  /** `Set-Cookie` for whoever knows the token; undefined for everyone else. */
  signIn(token: string): string | undefined;
}

export function createAccess(token: string, { secure }: { secure: boolean }): Access {
  // Not the token itself: a cookie that is taken from a browser's disk signs in nowhere else, and ends with the token.
  const session = createHmac('sha256', token).update('edge-train codec server').digest('base64url');
  return {
    allows: ({ authorization, cookie }) =>
      isSame(/^Bearer (.+)$/i.exec(authorization ?? '')?.[1], token) || isSame(cookieOf(cookie), session),
    signIn: (given) =>
      isSame(given, token)
        ? `${COOKIE}=${session}; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200${secure ? '; Secure' : ''}`
        : undefined,
  };
}

const cookieOf = (header: string | undefined): string | undefined =>
  header
    ?.split(';')
    .map((each) => each.trim())
    .find((each) => each.startsWith(`${COOKIE}=`))
    ?.slice(COOKIE.length + 1);

/** In the same time whatever differs, the length too. */
function isSame(given: string | undefined, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given ?? ''), digest(expected)) && given !== undefined;
}
