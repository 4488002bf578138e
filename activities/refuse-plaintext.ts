import { ENCRYPT_IT, isRefusedPayload } from '../domain/payload-codec.ts';
import { ServiceError } from '../services/errors.ts';

/** @throws ServiceError `PlaintextRefused` where the codec has refused what a step was given */
export function refusePlaintext(step: string, args: readonly unknown[]): void {
  if (!args.some(isRefusedPayload)) return;
  throw new ServiceError({
    class: 'policy',
    type: 'PlaintextRefused',
    cause: `Plaintext is refused here (codec.required), and the input of the step ${step} came without encryption.`,
    nextStep: ENCRYPT_IT,
    retryable: false,
  });
}
