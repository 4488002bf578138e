/** Why a worker does not start, in words for the operator: no stack is shown. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
