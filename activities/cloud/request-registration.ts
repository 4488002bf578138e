import { RegistrationRequest } from '../../domain/model-version.ts';
import { SIGNAL } from '../../domain/signals.ts';
import { parse } from '../../domain/validation.ts';
import { signalModel, type Workflows } from './temporal.ts';
import { understood } from './understood.ts';

export async function requestRegistration(workflows: Workflows, request: RegistrationRequest): Promise<void> {
  await signalModel(
    workflows,
    request.evidence.plan.model.name,
    SIGNAL.requestRegistration,
    understood(parse(RegistrationRequest, request)),
  );
}
