/**
 * What the audit leaves out: the fields in which a protocol itself carries a secret. Only these, by name and place: a
 * secret that turns up anywhere else is a leak, and the audit is where tests look for leaks.
 */
const secretMembers = new Set([
  'adminPassword',
  'protectedSettings',
  'password',
  'privateKeyData',
  'secrets',
  'client_secret',
  'client_assertion',
  'refresh_token',
  'access_token',
]);

const secretParameters = new Set(['sig', 'client_secret', 'client_assertion', 'refresh_token', 'access_token']);

export const redacted = 'REDACTED';

export function redactQuery(path: string): string {
  const at = path.indexOf('?');
  return at < 0 ? path : path.slice(0, at + 1) + redactForm(path.slice(at + 1));
}

export function redactBody(text: string, contentType: string): string {
  if (contentType.includes('x-www-form-urlencoded')) return redactForm(text);
  if (!contentType.includes('json')) return text;
  try {
    const parsed = JSON.parse(text) as unknown;
    return holdsSecret(parsed) ? JSON.stringify(redactMembers(parsed)) : text;
  } catch {
    return text;
  }
}

function redactForm(text: string): string {
  return text
    .split('&')
    .map((pair) => {
      const name = pair.split('=', 1)[0]!;
      return secretParameters.has(name.toLowerCase()) ? `${name}=${redacted}` : pair;
    })
    .join('&');
}

function holdsSecret(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([name, member]) => secretMembers.has(name) || holdsSecret(member));
}

function redactMembers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redactMembers);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, secretMembers.has(name) ? redacted : redactMembers(member)]),
  );
}
