import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import type { ClientFile } from '../../domain/client-file.ts';
import { createPayloadCodec, readPayloadKeys, type PayloadCodec } from '../../services/payload-codec.ts';
import { createSecrets, type Secrets } from '../../services/secrets.ts';
import { failed, refused } from '../command-error.ts';
import { readClientFile } from '../config/client-file.ts';
import { findConfig } from '../config/find-config.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { profileNamespace } from '../temporal/connect.ts';
import { codecSettings } from '../temporal/payload-codecs.ts';
import { createCodecServer } from './server.ts';

/** `edge-train codec serve`: answers the Temporal UI until it is stopped. Exit 0 when it was; 2: refused configuration. */
export async function serveCodec({ config }: { config?: string }): Promise<number> {
  const folder = findConfig(config);
  const file = await readClientFile(folder);
  const { codecServer } = file;
  if (!codecServer) throw missing('codecServer');
  const secrets = createSecrets({ environment: process.env });
  const server = createCodecServer({
    codecs: await codecsOf(file, folder, secrets),
    origins: codecServer.origins,
    token: await readToken(secrets, codecServer.token),
    ...(codecServer.tls
      ? {
          tls: {
            cert: await readFile(codecServer.tls.certificate, 'utf8'),
            key: await secrets.resolve(codecServer.tls.key),
          },
        }
      : {}),
    log: (line) => process.stdout.write(`${line}\n`),
  });
  const { port } = await listen(server, codecServer.listen);
  const address = `${codecServer.tls ? 'https' : 'http'}://${codecServer.listen.replace(/:\d+$/, '')}:${port}`;
  process.stderr.write(`The codec server is at ${address}. Sign in there; then name it in the Temporal UI.\n`);
  await untilStopped(server);
  return EXIT_CODE.done;
}

/** One a namespace. What is shown says itself what could not be decrypted; plaintext is shown, as the UI has it already. */
async function codecsOf(file: ClientFile, folder: string, secrets: Secrets): Promise<Map<string, PayloadCodec>> {
  const codecs = new Map<string, PayloadCodec>();
  for (const site of [...Object.keys(file.sites), undefined]) {
    const settings = codecSettings(file, site);
    const namespace = profileNamespace(folder, site);
    if (!settings || codecs.has(namespace)) continue;
    const keys = { ...(await readPayloadKeys(settings, secrets)), required: false };
    codecs.set(namespace, createPayloadCodec(keys, namespace, { lenient: true }));
  }
  if (codecs.size === 0) throw missing('codec');
  return codecs;
}

async function readToken(secrets: Secrets, reference: string): Promise<string> {
  const token = await secrets.resolve(reference);
  if (token.length >= 32) return token;
  const fault = { path: 'codecServer.token', rule: 'has 32 characters or more; make one with: openssl rand -hex 32' };
  throw refused('client.yml is not right.', [fault], NEXT);
}

async function listen(server: Server, place: string): Promise<AddressInfo> {
  const [, host = '', port = ''] = /^\[?(.+?)\]?:(\d+)$/.exec(place) ?? [];
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(port), host, resolve);
  }).catch((error: NodeJS.ErrnoException) => {
    throw failed({
      class: 'host',
      type: 'CannotListen',
      cause: `Nothing can listen at ${place} (${error.code ?? error.message}).`,
      nextStep: 'Stop what listens there, or choose another place (codecServer.listen of client.yml).',
    });
  });
  return server.address() as AddressInfo;
}

function untilStopped(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => {
      server.close(() => resolve());
      server.closeAllConnections();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, stop);
  });
}

const missing = (path: string) =>
  refused('client.yml is not right.', [{ path, rule: 'is required for the codec server' }], NEXT);

const NEXT = 'Correct client.yml and run the command again; docs/operations.md has an example.';
