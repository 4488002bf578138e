import path from 'node:path';
import { replace } from './part.mjs';
import { fetchWheel } from './wheel.mjs';

const version = '3.9.0';
const hash = 'sha256-3dad48d4678e0de31f6332cc7674f9d7dd1805f86babf3796f41c2fd879cb812';

/** @returns {import('./part.mjs').Part} ssh-audit in `.tools/ssh-audit.whl`, which Python runs as it is; for the tests. */
export function sshAudit() {
  return {
    name: 'ssh-audit',
    why: `ssh-audit ${version}, with which the tests judge what our SSH offers`,
    from: 'PyPI wheel ssh-audit, 0.1 MB',
    key: () => `${version} ${hash}`,
    targets: ['ssh-audit.whl'],
    programs: ['python3'],
    async install({ tools, scratch }) {
      const wheel = await fetchWheel({ name: 'ssh-audit', version, hash }, scratch);
      await replace(wheel, path.join(tools, 'ssh-audit.whl'));
    },
  };
}
