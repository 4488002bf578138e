import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import { loadClientConfig, loadClientConnectConfig, type ConfigDataSource } from '@temporalio/envconfig';
import { namesCaller } from '../../domain/temporal-server.ts';
import { refused, unreachable } from '../command-error.ts';
import { payloadCodecs } from './payload-codecs.ts';

/**
 * A connection to the site's namespace. It is never closed: the SDK (1.24) retries calls on a timer, and a retry on a
 * closed connection throws where nobody can catch it. The command ends by `process.exit`.
 */
export interface TemporalClient {
  readonly client: Client;
  readonly address: string;
  readonly namespace: string;
  /** The profile's TLS, with the user's own certificate if it names one. */
  readonly tls: ConnectionOptions['tls'];
  /** Whether the profile has a credential to show. */
  readonly showsCredential: boolean;
}

/**
 * Connects as Temporal's own client profiles say: TEMPORAL_* first, then the file of TEMPORAL_CONFIG_FILE, else
 * `temporal.toml` beside client.yml, else Temporal's own default file. The profile is TEMPORAL_PROFILE, else the one
 * that is named as the site, since a site has its own namespace, else `default`.
 * Payloads are encrypted as client.yml's `codec` says.
 * @throws CommandError exit 3 when the server cannot be reached, 2 when the profile or client.yml is not right
 */
export async function connectTemporal(configFolder: string, site: string | undefined): Promise<TemporalClient> {
  const { address, namespace, options } = readProfile(configFolder, site);
  const dataConverter = { payloadCodecs: await payloadCodecs(configFolder, site, namespace) };
  try {
    const connection = await Connection.connect({ ...options, address, connectTimeout: 10_000 });
    const { tls, apiKey, metadata } = options;
    const certificate = typeof tls === 'object' && tls?.clientCertPair != null;
    return {
      ...{ client: new Client({ connection, namespace, dataConverter }), address, namespace },
      ...{
        tls: tls ?? apiKey !== undefined,
        showsCredential: certificate || apiKey !== undefined || namesCaller(metadata),
      },
    };
  } catch (error) {
    throw unreachable(
      `Temporal at ${address} cannot be reached (${firstLine(error)}).`,
      'Check that the server runs (`edge-train sandbox status`) and what temporal.toml or TEMPORAL_ADDRESS says.',
    );
  }
}

interface Profile {
  readonly address: string;
  readonly namespace: string;
  readonly options: Pick<ConnectionOptions, 'tls' | 'apiKey' | 'metadata'>;
}

/** The namespace that the site's profile names, or the default one; nothing is asked of the server. @throws CommandError exit 2 */
export const profileNamespace = (configFolder: string, site: string | undefined): string =>
  readProfile(configFolder, site).namespace;

function readProfile(configFolder: string, site: string | undefined): Profile {
  const source = configSource(configFolder);
  try {
    const where = source ? { configSource: source } : {};
    const profiles = Object.keys(loadClientConfig(where).profiles);
    const named = process.env['TEMPORAL_PROFILE'] ?? profiles.find((name) => name === site) ?? 'default';
    const profile = profiles.includes(named) || process.env['TEMPORAL_PROFILE'] ? { profile: named } : {};
    const { connectionOptions, namespace } = loadClientConnectConfig({ ...where, ...profile });
    const { address = '127.0.0.1:7233', tls, apiKey, metadata } = connectionOptions;
    const options = { ...(tls === undefined ? {} : { tls }), ...(apiKey === undefined ? {} : { apiKey }) };
    return { address, namespace: namespace ?? 'default', options: { ...options, ...(metadata ? { metadata } : {}) } };
  } catch (error) {
    const path = source && 'path' in source ? source.path : 'the Temporal client profile';
    const fault = { path, rule: firstLine(error) };
    throw refused('The Temporal profile cannot be used.', [fault], 'Correct the profile, or set TEMPORAL_ADDRESS.');
  }
}

function configSource(configFolder: string): ConfigDataSource | undefined {
  const beside = join(configFolder, 'temporal.toml');
  return process.env['TEMPORAL_CONFIG_FILE'] === undefined && existsSync(beside) ? { path: beside } : undefined;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}
