import { z } from 'zod';

/** A member that Azure ML has and a site has no use for: present, it is refused with the reason. */
export const refused = (reason: string) => z.undefined({ error: `is refused: ${reason}` }).optional();

/** One of Azure ML's words: those that work on a site, and those that do not, each with its reason. */
export function oneOf<const T extends readonly [string, ...string[]]>(
  accepted: T,
  refusals: Readonly<Record<string, string>>,
) {
  return z.enum(accepted, {
    error: ({ input }) =>
      typeof input === 'string' && Object.hasOwn(refusals, input) ? `is refused: ${refusals[input]}` : undefined,
  });
}
