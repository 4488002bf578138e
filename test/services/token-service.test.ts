import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { serverCertificate } from '../../sandbox/server/certificate-authority.ts';
import { toServiceError } from '../../services/errors.ts';
import { openCredential } from '../../services/machine-learning/workspace.ts';

/** A token service in trouble must not end a run: whatever it does here is tried again. */
describe('a token service in trouble', () => {
  const folder = mkdtempSync(join(tmpdir(), 'edge-train-token-'));
  let server: Server;
  let authority: string;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;

  before(async () => {
    await serverCertificate({ ca: join(folder, 'ca.pem'), own: folder }, ['127.0.0.1']);
    const [cert, key] = ['tls.pem', 'tls.key'].map((name) => readFileSync(join(folder, name)));
    server = createServer({ cert, key }, (request, response) => answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    authority = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  });

  const cut = (request: IncomingMessage) => request.socket.destroy();
  const busy = (_: IncomingMessage, response: ServerResponse) => response.writeHead(503).end('busy');
  const only =
    (method: string, trouble: typeof busy | typeof cut) => (request: IncomingMessage, response: ServerResponse) => {
      if (request.method === method) return void trouble(request, response);
      const configuration = {
        issuer: `${authority}/adfs`,
        authorization_endpoint: `${authority}/adfs/oauth2/authorize`,
        token_endpoint: `${authority}/adfs/oauth2/token`,
        jwks_uri: `${authority}/adfs/discovery/keys`,
      };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(configuration));
    };

  const troubles = {
    'that cuts the line when asked for its endpoints': only('GET', cut),
    'that is busy when asked for its endpoints': only('GET', busy),
    'that cuts the line when asked for a token': only('POST', cut),
    'that is busy when asked for a token': only('POST', busy),
  };
  for (const [what, trouble] of Object.entries(troubles)) {
    it(`${what} is asked again`, async () => {
      answer = trouble;
      const ca = readFileSync(join(folder, 'ca.pem'), 'utf8');
      const request = { tenant: 'adfs', clientId: 'id', clientSecret: 'secret', authority, ca };
      const error: unknown = await openCredential(request)
        .getToken('https://management.azure.com/.default')
        .catch((reason: unknown) => reason);
      const failure = toServiceError(error, 'signing in');
      assert.deepEqual([failure.class, failure.type, failure.retryable], ['network', 'Unreachable', true]);
    });
  }
});
