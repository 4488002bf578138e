import { DefaultFailureConverter, defaultFailureConverter, type ProtoFailure } from '@temporalio/common';

/**
 * Failures whose message and stack are a payload, so that the codec encrypts them. What the codec itself complains of stays
 * readable: whoever lacks a key must be able to read which.
 */
class EncodedFailureConverter extends DefaultFailureConverter {
  constructor() {
    super({ encodeCommonAttributes: true });
  }

  override errorToFailure(...args: Parameters<DefaultFailureConverter['errorToFailure']>): ProtoFailure {
    const [error] = args;
    if (!isOfTheCodec(error)) return super.errorToFailure(...args);
    const failure = defaultFailureConverter.errorToFailure(...args);
    return { ...failure, stackTrace: '', cause: null };
  }
}

/** As it is thrown, or as the SDK's worker wraps it where a step's input cannot be decoded. Its words hold no content. */
function isOfTheCodec(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { type } = error as { type?: unknown };
  return (type === 'PayloadUnreadable' || type === 'ServiceError') && WORDS.test(error.message);
}

const WORDS = /^(Failed to parse [\w ]+: )?A payload from Temporal cannot be decrypted\. /;

/** By this name the SDK looks for it. */
export const failureConverter = new EncodedFailureConverter();
