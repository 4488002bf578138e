import { z } from 'zod';
import type { AssetKind } from './assets.ts';

/** Code assets: a folder in the release account. */
export const codes: AssetKind = {
  collection: 'codes',
  noun: 'Code',
  members: { codeUri: z.url({ protocol: /^https$/, error: 'codeUri must be an https URL of a blob folder' }) },
  fixed: ['codeUri', 'isAnonymous'],
};
