import type { TokenCredential } from '@azure/core-auth';
import type { PipelineResponse } from '@azure/core-rest-pipeline';
import { ServiceError, toServiceError } from '../errors.ts';
import { httpsSender, type HttpsSender } from '../https.ts';
import { registryError } from './registry-error.ts';

/** An Azure Container Registry, or any OCI registry behind the same challenge (RFC 6750, distribution's token spec). */
export interface Registry {
  /** HOST or HOST:PORT, always by HTTPS. */
  readonly loginServer: string;
  /** Absent: anonymous. */
  readonly credential?: TokenCredential;
  /** Instead of a credential: a repository token's name and password, or what `az acr login --expose-token` gives. */
  readonly login?: { readonly username: string; readonly password: string };
  /** The scope of the Entra token that is exchanged is `<audience>/.default`. */
  readonly audience: string;
  /** PEM of a certificate authority besides the system's. */
  readonly ca?: string;
  readonly abortSignal?: AbortSignal;
}

export interface RegistryRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** A path of the registry, or a URL that it gave (`Location`), which must be its own. */
  readonly target: string;
  readonly headers?: Record<string, string>;
  /** A stream is made anew for each try. */
  readonly body?: Buffer | (() => NodeJS.ReadableStream);
  /** Statuses that are answers here and not errors. */
  readonly accept: readonly number[];
  readonly stream?: boolean;
  /** Tidying, which is done after an abort too: without the abort signal, and for ten seconds at most. */
  readonly tidies?: boolean;
  /** Its body ends at an abort, so that it is answered: it is broken off three seconds later. */
  readonly endsItself?: boolean;
}

/** Long enough for 16 MiB on a slow link; a half-open connection still ends. */
const TIMEOUT = 120_000;
const STREAM_TIMEOUT = 3_600_000;
/** A worker that stops does not wait long for it. */
const TIDY_TIMEOUT = 10_000;
const ENDING_MS = 3000;

/**
 * Requests to `/v2/` that the SDK lacks (HEAD of a blob, mount, resumable upload), with the registry's own tokens: a 401
 * names the scope, the Entra token is exchanged for a refresh token and that for an access token
 * (https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md). Never retries but after that challenge.
 */
export class RegistrySession {
  readonly #registry: Registry;
  readonly #http: HttpsSender;
  /** By the challenge: requests that go out at once are refused at once, and wait for the same token. */
  readonly #answers = new Map<string, Promise<string>>();
  #late: AbortController | undefined;
  #token: string | undefined;

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#http = httpsSender(registry.ca);
  }

  get abortSignal(): AbortSignal | undefined {
    return this.#registry.abortSignal;
  }

  async send(request: RegistryRequest): Promise<PipelineResponse> {
    let response = await this.#send(request);
    if (response.status === 401) {
      this.#token = await this.#answerOnce(response.headers.get('www-authenticate') ?? '', request);
      response = await this.#send(request);
    }
    if (request.accept.includes(response.status)) return response;
    throw registryError(response, `${request.method} ${new URL(this.#url(request.target)).pathname}`);
  }

  /** A token that pulls from this one repository and does nothing else. */
  async pullToken(repository: string): Promise<string> {
    const service = this.#registry.loginServer;
    return await this.#answerChallenge(`service="${service}",scope="repository:${repository}:pull"`);
  }

  async #send(request: RegistryRequest): Promise<PipelineResponse> {
    const abortSignal = this.#signalFor(request);
    const timeout = request.stream ? STREAM_TIMEOUT : TIMEOUT;
    try {
      return await this.#http({
        url: this.#url(request.target),
        method: request.method,
        headers: {
          ...request.headers,
          ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
        },
        ...(request.body === undefined ? {} : { body: request.body }),
        ...(request.stream ? { stream: true } : {}),
        ...(abortSignal ? { abortSignal } : {}),
        timeout: request.tidies ? TIDY_TIMEOUT : timeout,
      });
    } catch (error) {
      if (abortSignal?.aborted) throw error;
      throw toServiceError(error, `registry ${this.#registry.loginServer}: ${request.method}`);
    }
  }

  #signalFor({ tidies, endsItself }: RegistryRequest): AbortSignal | undefined {
    if (tidies) return undefined;
    return endsItself ? (this.#late ??= this.#abortsLater()).signal : this.#registry.abortSignal;
  }

  #abortsLater(): AbortController {
    const late = new AbortController();
    const breakOff = () => setTimeout(() => late.abort(), ENDING_MS).unref();
    this.#registry.abortSignal?.addEventListener('abort', breakOff, { once: true });
    return late;
  }

  /** Locations may be absolute or not; a token is never sent to another host. */
  #url(target: string): string {
    const origin = `https://${this.#registry.loginServer}`;
    const url = new URL(target, origin);
    if (url.origin === new URL(origin).origin) return url.href;
    throw new ServiceError({
      class: 'network',
      type: 'RegistryRefused',
      cause: `The registry ${this.#registry.loginServer} named a place of another host, ${url.origin}.`,
      nextStep: 'Check registry.loginServer in cloud.yml: it must be the name that the registry itself uses.',
      retryable: false,
    });
  }

  #answerOnce(challenge: string, request: RegistryRequest): Promise<string> {
    const answer =
      this.#answers.get(challenge) ??
      this.#answerChallenge(challenge, request).finally(() => this.#answers.delete(challenge));
    this.#answers.set(challenge, answer);
    return answer;
  }

  async #answerChallenge(challenge: string, { tidies = false }: Pick<RegistryRequest, 'tidies'> = {}): Promise<string> {
    const field = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1];
    const service = field('service') ?? this.#registry.loginServer;
    const scope = field('scope') ?? '';
    const { credential, login, audience } = this.#registry;
    const asked = { grant_type: 'password', service, scope };
    const post = (target: string, form: Record<string, string>, answer: string) =>
      this.#post(target, form, answer, tidies);
    if (login) return post('/oauth2/token', { ...asked, ...login }, 'access_token');
    if (!credential) return post('/oauth2/token', asked, 'access_token');
    const entra = await credential.getToken(`${audience}/.default`);
    const refresh = await post(
      '/oauth2/exchange',
      { grant_type: 'access_token', service, access_token: entra?.token ?? '' },
      'refresh_token',
    );
    return post(
      '/oauth2/token',
      { grant_type: 'refresh_token', service, scope, refresh_token: refresh },
      'access_token',
    );
  }

  async #post(target: string, form: Record<string, string>, answer: string, tidies: boolean): Promise<string> {
    this.#token = undefined;
    const response = await this.#send({
      method: 'POST',
      target,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: Buffer.from(new URLSearchParams(form).toString()),
      accept: [200],
      tidies,
    });
    if (response.status !== 200) throw registryError(response, `POST ${target}`);
    const value = (JSON.parse(response.bodyAsText ?? '{}') as Record<string, unknown>)[answer];
    if (typeof value !== 'string') throw registryError(response, `POST ${target}: no ${answer}`);
    return value;
  }
}
