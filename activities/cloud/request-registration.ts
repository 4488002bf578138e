import type { RegistrationRequest } from '../../domain/model-version.ts';
import { SIGNAL } from '../../domain/signals.ts';
import { signalModel, type Workflows } from './temporal.ts';

export async function requestRegistration(workflows: Workflows, request: RegistrationRequest): Promise<void> {
  await signalModel(workflows, request.evidence.plan.model.name, SIGNAL.requestRegistration, request);
}
