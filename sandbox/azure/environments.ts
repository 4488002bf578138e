import { z } from 'zod';
import { Failure, notImplemented } from '../server/errors.ts';
import type { AssetKind } from './assets.ts';

const route = z.strictObject({
  path: z.string().regex(/^\/.*[a-zA-Z0-9_]|^\/$/, 'a route begins with /'),
  port: z.int().min(1).max(65_535),
});

/** Environments that are an image as it is, with the routes of its server ("bring your own container"). */
export const environments: AssetKind = {
  collection: 'environments',
  noun: 'Environment',
  members: {
    image: z.string().min(1).optional(),
    osType: z.enum(['Linux', 'Windows']).optional(),
    inferenceConfig: z
      .strictObject({ livenessRoute: route, readinessRoute: route, scoringRoute: route })
      .partial()
      .optional(),
    environmentType: z.string().optional(),
    autoRebuild: z.unknown().optional(),
    build: z.unknown().optional(),
    condaFile: z.unknown().optional(),
  },
  fixed: ['image', 'osType', 'inferenceConfig', 'isAnonymous'],
  check: (_, properties) => {
    for (const member of ['build', 'condaFile', 'autoRebuild'])
      if (properties[member] !== undefined) throw notImplemented(`environments with ${member}`);
    if (properties.image === undefined)
      throw new Failure(400, 'ValidationError', 'Either image or build must be specified.', { target: 'image' });
    if (properties.osType === 'Windows') throw notImplemented('environments of Windows');
  },
};
