/** What gives a credential away whoever made it; `REDACTED` is what the sandbox records of those that a protocol carries. */
const SHAPES: readonly (readonly [name: string, shape: RegExp])[] = [
  ['a SAS signature', /[?&]sig=(?!REDACTED)[\w%+/=-]{20}/],
  ['a bearer token', /eyJ[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{16}/],
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
];

/** The shapes of credentials that stand in a text. */
export function shapesIn(bytes: Buffer): string[] {
  const text = bytes.toString('latin1');
  return SHAPES.filter(([, shape]) => shape.test(text)).map(([name]) => name);
}
