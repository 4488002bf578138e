import type { RegistrationWithdrawal } from '../../domain/model-version.ts';
import { SIGNAL } from '../../domain/signals.ts';
import { signalModel, type Workflows } from './temporal.ts';

/** With start: a model's workflow that ended meanwhile removes what was released, answers, and ends again. */
export async function withdrawRegistration(workflows: Workflows, request: RegistrationWithdrawal): Promise<void> {
  await signalModel(workflows, request.model, SIGNAL.withdrawRegistration, request);
}
