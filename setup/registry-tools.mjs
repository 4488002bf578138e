import path from 'node:path';
import { buildGoProgram } from './go.mjs';
import { replace } from './part.mjs';

const modules = [
  'github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3',
  'oras.land/oras/cmd/oras@v1.3.6',
  'github.com/google/go-containerregistry/cmd/crane@v0.22.1',
];

/** @returns {import('./part.mjs').Part} cosign, oras and crane in `.tools/`, for `npm run test:tools`: other people's verifiers. */
export function registryTools() {
  return {
    name: 'registry-tools',
    why: 'cosign 3.1.3, oras 1.3.6 and crane 0.22.1, which judge what we attach to images; built here, for some 6 minutes',
    from: 'Go modules, 0.5 GB with what they need; Go itself from PyPI, 75 MB, where there is none',
    key: () => modules.join(' '),
    targets: ['cosign', 'oras', 'crane'],
    programs: ['python3'],
    async install({ tools, scratch }) {
      for (const module of modules) {
        const program = await buildGoProgram({ module, atLeast: [1, 26, 8] }, scratch);
        await replace(program, path.join(tools, path.basename(program)));
      }
    },
  };
}
