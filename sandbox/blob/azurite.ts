import { ServerResponse } from 'node:http';
import { createRequire } from 'node:module';

/**
 * `node sandbox/blob/azurite.ts MAIN ARGS`: Azurite with a trait of real blob storage that it lacks: what was answered is
 * kept. By itself it writes its lists of blobs every five seconds, so a kill would take back what clients were told.
 * Here an answer to a change waits until the lists are written.
 */
interface Loki {
  saveDatabase(written: (error?: unknown) => void): void;
}

const [main = '', ...args] = process.argv.slice(2);
const require = createRequire(main);
const databases = databasesOf(require('lokijs') as { prototype: { configureOptions: (...given: unknown[]) => void } });
answerWhenWritten(databases);
process.argv = [process.execPath, main, ...args];
require(main);

/** Every database that is made from now on. */
function databasesOf({ prototype }: { prototype: { configureOptions: (...given: unknown[]) => void } }): Set<Loki> {
  const made = new Set<Loki>();
  const { configureOptions } = prototype;
  prototype.configureOptions = function (this: Loki, ...given: unknown[]) {
    made.add(this);
    configureOptions.apply(this, given);
  };
  return made;
}

function answerWhenWritten(made: ReadonlySet<Loki>): void {
  const { end } = ServerResponse.prototype;
  ServerResponse.prototype.end = function (this: ServerResponse, ...given: unknown[]) {
    const answer = () => (end as (...all: unknown[]) => ServerResponse).apply(this, given);
    if (this.req.method === 'GET' || this.req.method === 'HEAD') return answer();
    const written = [...made].map((each) => new Promise<unknown>((resolve) => each.saveDatabase(resolve)));
    void Promise.all(written).then((errors) => {
      if (errors.some(Boolean))
        this.destroy(); // as a service that died before it could say so
      else answer();
    });
    return this;
  };
}
