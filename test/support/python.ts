import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readPackageIndex } from '../../sandbox/package-index.ts';
import { ROOT } from '../e2e/product.ts';

const run = promisify(execFile);

/** A Python with other people's packages, in a folder that goes with the test. */
export class Python {
  readonly folder = mkdtempSync(join(tmpdir(), 'edge-train-python-'));
  readonly #python = join(this.folder, 'env', 'bin', 'python');

  /** @param requirements `NAME==VERSION` each, from the index that this machine's pip uses */
  async install(...requirements: string[]): Promise<void> {
    const { index } = await readPackageIndex();
    assert.ok(index, 'pip tells its index');
    const env = { ...process.env, UV_CACHE_DIR: join(this.folder, 'cache'), UV_NO_CONFIG: '1' };
    const uv = (...args: string[]) => run(join(ROOT, '.tools', 'uv'), args, { env });
    await uv('venv', '--quiet', '--python', 'python3', join(this.folder, 'env'));
    await uv('pip', 'install', '--quiet', '--python', this.#python, '--index-url', index.url, ...requirements);
  }

  /** What the last line of output is, read as JSON. */
  async ask(program: string, ...args: string[]): Promise<unknown> {
    const { stdout } = await run(this.#python, ['-W', 'ignore', '-c', program, ...args], { maxBuffer: 2 ** 24 });
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
