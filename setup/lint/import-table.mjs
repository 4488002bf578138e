/**
 * The design's import table: what each room of the house may import. Everything that a row does not name is refused;
 * the rooms without a row (docs, examples, bench, test) may import anything.
 *
 * - `rooms`: paths from the clone's root that may be imported (a folder, or a file or folder named without extension).
 * - `typeRooms`: the same, but only with `import type`, so that nothing of it is loaded.
 * - `node`: whether Node's built-in modules may be imported.
 * - `packages`: npm packages that may be imported; `*` stands for any, a leading `!` refuses (a trailing `/*` is a scope).
 *
 * @typedef {{ rooms: string[], typeRooms?: string[], node: boolean, packages: string[] }} Row
 */

/**
 * Rows are found by the longest matching path, so a file may have a row of its own.
 * @type {Record<string, Row>}
 */
export const importTable = {
  domain: { rooms: ['domain'], node: false, packages: ['zod'] },
  services: { rooms: ['services', 'domain'], node: true, packages: ['*', '!@temporalio/*'] },
  activities: {
    rooms: ['activities', 'services', 'domain'],
    node: true,
    packages: ['@temporalio/activity', '@temporalio/client', 'p-map'],
  },
  'activities/contract': { rooms: ['activities/contract', 'domain'], node: false, packages: [] },
  workflows: {
    rooms: ['workflows', 'domain'],
    typeRooms: ['activities/contract'],
    node: false,
    packages: ['@temporalio/workflow', '@temporalio/common'],
  },
  workers: {
    rooms: ['workers', 'domain', 'services', 'activities', 'workflows', 'setup'],
    node: true,
    packages: ['*'],
  },
  client: {
    rooms: [
      ...['client', 'domain', 'services/blob-range', 'services/blob-storage', 'services/payload-codec'],
      ...['services/secrets', 'services/signing', 'services/temporal-token'],
    ],
    typeRooms: ['workflows'],
    node: true,
    packages: ['*', '!@azure/*', '!@temporalio/*', '@temporalio/client', '@temporalio/envconfig'],
  },
  // `sandbox start` sets up what an operator would: containers, keys, the base image.
  'client/sandbox': { rooms: ['client', 'domain', 'services'], node: true, packages: ['*'] },
  // Reads a registry, which is no part of Azure's own.
  'client/image': {
    rooms: ['client', 'domain', 'services'],
    node: true,
    packages: ['*', '!@azure/*', '!@temporalio/*'],
  },
  'client/demo': { rooms: ['client', 'domain', 'services'], node: true, packages: ['*'] },
  sandbox: { rooms: ['sandbox'], node: true, packages: ['*'] },
  setup: { rooms: ['setup'], node: true, packages: [] },
};
