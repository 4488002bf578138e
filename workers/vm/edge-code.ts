import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** `workers/edge.ts`, or another module, and all that it imports, as one CommonJS file that needs only Node and `index.node` beside it. */
export async function bundleEdgeCode(entry = 'workers/edge.ts'): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [join(root, entry)],
    absWorkingDir: root,
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'error',
    logOverride: { 'require-resolve-not-external': 'silent', 'empty-import-meta': 'silent' },
    plugins: [withoutWorkflows],
  });
  const [file] = outputFiles;
  if (!file) throw new Error('esbuild gave no file');
  return file.contents;
}

/**
 * Temporal's worker package can also bundle and run workflows, with webpack, swc and an in-memory file system. A VM runs
 * activities only, so these stay behind; and its core looks for `index.node` beside the file, not in `releases/`.
 */
const withoutWorkflows: Plugin = {
  name: 'without-workflows',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(webpack|@swc\/core|swc-loader|source-map-loader|memfs|unionfs)$/ }, ({ path }) => ({
      path,
      namespace: 'left-out',
    }));
    onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'module.exports = {};', loader: 'js' }));
    onLoad({ filter: /@temporalio\/worker\/lib\/workflow\/bundler\.js$/ }, () => ({
      contents: `
        exports.WorkflowCodeBundler = class {};
        exports.bundleWorkflowCode = () => { throw new Error('no workflow runs on a VM'); };
        exports.defaultWorkflowInterceptorModules = [];`,
      loader: 'js',
    }));
    onLoad({ filter: /@temporalio\/core-bridge\/common\.js$/ }, () => ({
      contents: `exports.getPrebuiltPath = () => require('node:path').join(__dirname, 'index.node');`,
      loader: 'js',
    }));
  },
};
