import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parseSeed } from './seed.ts';
import { start } from './start.ts';
import { stateDirectory } from './state.ts';
import { status } from './status.ts';
import { reset, stop } from './stop.ts';
import { checkTarget } from './uplink/control.ts';

const usage = `usage: node sandbox/main.ts start --state DIR [--seed CONTAINER=PATH]... [--allow HOST:PORT]...
                                   [--namespace NAME] [--search-attribute NAME=Type]...
       node sandbox/main.ts status|stop --state DIR
       node sandbox/main.ts reset --state DIR [--keep-images]
       (all: --tools DIR, what the set-up brought; default .tools of the clone)`;

/** Results go to standard output as JSON, what is being done to standard error. Exit codes: 0 done, 1 failed, 2 refused. */
async function main(): Promise<void> {
  const { verb, values } = parse();
  const directory = stateDirectory(values.state);
  const toolsFolder = resolve(values.tools);
  const begun = Date.now();
  const say = (text: string) => console.error(`[${((Date.now() - begun) / 1000).toFixed(1).padStart(5)} s] ${text}`);
  switch (verb) {
    case 'start': {
      const { seed: seeds, allow, namespace, 'search-attribute': searchAttributes } = values;
      const given = { seeds: seeds.map(parseSeed), allow: allow.map(checkTarget), namespace, searchAttributes };
      return print(await start({ directory, toolsFolder, ...given, say }));
    }
    case 'status':
      return print(await status(directory, toolsFolder));
    case 'stop':
      return await stop({ directory, toolsFolder, say });
    case 'reset':
      return await reset({ directory, toolsFolder, say }, values['keep-images']);
  }
}

function parse() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        state: { type: 'string' },
        tools: { type: 'string', default: join(import.meta.dirname, '..', '.tools') },
        seed: { type: 'string', multiple: true, default: [] },
        allow: { type: 'string', multiple: true, default: [] },
        namespace: { type: 'string' },
        'search-attribute': { type: 'string', multiple: true, default: [] },
        'keep-images': { type: 'boolean', default: false },
      },
    });
    const verb = (['start', 'status', 'stop', 'reset'] as const).find((word) => word === positionals[0]);
    if (!verb || positionals.length !== 1 || !values.state) throw new Error('a verb and --state DIR are needed');
    return { verb, values: { ...values, state: values.state } };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exit(2);
  }
}

function print(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

main().catch((error: unknown) => {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1); // other waits may still be under way
});
