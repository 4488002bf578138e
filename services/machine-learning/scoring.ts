import { httpsSender } from '../https.ts';
import { ServiceError } from '../errors.ts';

export interface Asked {
  readonly scoringUri: string;
  readonly key: string;
  /** This one of the endpoint's deployments; absent: the traffic's choice. */
  readonly deployment?: string;
  readonly body: unknown;
  /** PEM of a certificate authority of one's own. */
  readonly ca?: string;
  readonly abortSignal?: AbortSignal;
}

/** `modelStatus`: what the model's own server answered, where Azure's front passes it on. */
export interface Answer {
  readonly status: number;
  readonly modelStatus?: number;
  readonly deployment?: string;
  readonly text: string;
}

const TIMEOUT = 90_000;

/**
 * Asks an online endpoint as any client does. What the model answers but 200 comes as 424 with its status in a header
 * (https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints, "HTTP status codes").
 * @throws the HTTP client's own error where there is no answer
 */
export async function askEndpoint({ scoringUri, key, deployment, body, ca, abortSignal }: Asked): Promise<Answer> {
  if (!scoringUri.startsWith('https://')) throw notSecret(scoringUri);
  const { status, headers, bodyAsText } = await httpsSender(ca)({
    url: scoringUri,
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${key}`,
      ...(deployment === undefined ? {} : { 'azureml-model-deployment': deployment }),
    },
    body: JSON.stringify(body),
    timeout: TIMEOUT,
    ...(abortSignal ? { abortSignal } : {}),
  });
  const told = headers.get('ms-azureml-model-error-statuscode');
  const answered = headers.get('azureml-model-deployment');
  return {
    ...{ status, text: bodyAsText ?? '' },
    ...(status === 200 ? { modelStatus: 200 } : told === undefined ? {} : { modelStatus: Number(told) }),
    ...(answered === undefined ? {} : { deployment: answered }),
  };
}

const notSecret = (scoringUri: string) =>
  new ServiceError({
    class: 'policy',
    type: 'EndpointNotSecret',
    cause: `The endpoint is asked at ${scoringUri}, without TLS: its key would be read on the way.`,
    nextStep: 'Look at the endpoint in Azure ML: managed online endpoints are asked by https.',
    retryable: false,
  });
