import { foreground } from './child.mjs';
import { node, root } from './paths.mjs';
import { endChildren } from './process.mjs';
import { setUp } from './set-up.mjs';
import { tell } from './tell.mjs';

const usage = `usage: node setup/main.mjs COMMAND
  setup          bring what is missing, and stop
  start [ARGS]   set-up, then the demo (npm start; ARGS after --)
  test [FILES]   set-up, then the checks and all tests, or only FILES (npm test)
  test:unit      set-up, then the tests that need nothing but Node
  test:tools     set-up, then the tests that install other people’s libraries, or Temporal’s production server, at length
  bench NAME     set-up, then the measurement of bench/NAME.ts`;

/** @param {string[]} argv */
async function main([command, ...rest]) {
  const args = rest[0] === '--' ? rest.slice(1) : rest;
  switch (command) {
    case 'setup':
      await prepare();
      return 0;
    case 'start':
      await prepare();
      return foreground(node, ['client/main.ts', 'demo', ...args], { cwd: root });
    case 'test':
      await prepare('all');
      return foreground(node, ['setup/test/main.mjs', 'all', ...args], { cwd: root });
    case 'test:unit':
      await prepare();
      return foreground(node, ['setup/test/main.mjs', 'unit', ...args], { cwd: root });
    case 'test:tools':
      await prepare('long');
      return foreground(node, ['setup/test/main.mjs', 'tools', ...args], { cwd: root });
    case 'bench':
      await prepare();
      return foreground(node, [`bench/${args[0]}.ts`, ...args.slice(1)], { cwd: root });
    default:
      console.error(usage);
      return 2;
  }
}

/** @param {import('./set-up.mjs').Tests} [tests] */
async function prepare(tests) {
  const handlers = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']).map((signal) => {
    const handler = () => {
      console.error(`Set-up interrupted (${signal}). The next one goes on from here.`);
      endChildren();
      process.exit(130);
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  await setUp({ ...(tests ? { tests } : {}), log: (line) => console.error(line) });
  for (const release of handlers) release();
}

process.exitCode = await main(process.argv.slice(2)).catch(tell);
