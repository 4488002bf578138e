import path from 'node:path';
import { replace } from './part.mjs';
import { forPlatform } from './platform.mjs';
import { programFromWheel } from './wheel.mjs';

const version = '0.13.9';
/** SHA-256 of the wheel for each platform. */
const hashes = {
  'linux-x64': 'sha256-d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19',
  'linux-arm64': 'sha256-5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe',
};

/** @returns {import('./part.mjs').Part} uv in `.tools/uv`, which makes Python environments here and on the VM. */
export function uv() {
  return {
    name: 'uv',
    why: `uv ${version}, which makes the Python environments of jobs and model images`,
    from: 'PyPI wheel uv, 18 MB',
    key: () => `${version} ${forPlatform(hashes, 'uv')}`,
    targets: ['uv'],
    programs: ['python3'],
    async install({ tools, scratch }) {
      const hash = forPlatform(hashes, 'uv');
      const program = await programFromWheel(
        { name: 'uv', version, hash, member: `uv-${version}.data/scripts/uv` },
        scratch,
      );
      await replace(program, path.join(tools, 'uv'));
    },
  };
}
