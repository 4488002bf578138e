import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { ModelServers, ModelServerSpec } from '../../sandbox/model-servers/contract.ts';

/** Model servers without Docker: each answers `POST /score` as `answer` says, by its image. */
export interface ModelServersDouble extends ModelServers {
  readonly running: ReadonlyMap<string, ModelServerSpec>;
  answer: (image: string, body: string) => { status: number; body: unknown };
  /** Images whose server never gets ready. */
  readonly sick: Set<string>;
  /** Ends a server, as a crash does. */
  kill(name: string): void;
  close(): void;
}

export function modelServersDouble(): ModelServersDouble {
  const running = new Map<string, ModelServerSpec>();
  const servers = new Map<string, Server>();
  const kill = (name: string) => {
    servers.get(name)?.close().closeAllConnections();
    servers.delete(name);
  };
  const double: ModelServersDouble = {
    ...{ running, kill, sick: new Set<string>() },
    answer: (image, body) => ({ status: 200, body: { image, body: JSON.parse(body) as unknown } }),
    run: async (spec) => {
      if (running.has(spec.name)) return;
      running.set(spec.name, spec);
      const server = createServer((request, response) => {
        void text(request).then((body) => {
          const { image } = spec;
          const isHealth = request.method === 'GET';
          const answer = isHealth
            ? { status: double.sick.has(image) ? 500 : 200, body: '' }
            : double.answer(image, body);
          response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
        });
      });
      servers.set(spec.name, server);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    },
    address: async (name) => {
      const server = servers.get(name);
      return server && `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    resume: async () => {},
    remove: async (name) => {
      kill(name);
      running.delete(name);
    },
    close: () => [...servers.keys()].forEach(kill),
  };
  return double;
}
