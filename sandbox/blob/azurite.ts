import { ServerResponse } from 'node:http';
// @ts-expect-error Azurite's own database, which brings no types
import Loki from 'lokijs';

/**
 * `node sandbox/blob/azurite.ts ARGS`: Azurite with a trait of real blob storage that it lacks: what was answered is
 * kept. By itself it writes its lists of blobs every five seconds, so a kill would take back what clients were told.
 * Here an answer to a change waits until the lists are written.
 */
interface Database {
  saveDatabase(written: (error?: unknown) => void): void;
}
type Constructed = { prototype: { configureOptions: (this: Database, ...given: unknown[]) => void } };

answerWhenWritten(databasesOf(Loki as Constructed));
// @ts-expect-error a program, not a library
await import('azurite/dist/src/blob/main.js');

/** Every database that is made from now on. */
function databasesOf({ prototype }: Constructed): ReadonlySet<Database> {
  const made = new Set<Database>();
  const { configureOptions } = prototype;
  prototype.configureOptions = function (...given) {
    made.add(this);
    configureOptions.apply(this, given);
  };
  return made;
}

function answerWhenWritten(made: ReadonlySet<Database>): void {
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
