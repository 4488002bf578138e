import { ModelChangeRequest } from '../../domain/model-change.ts';
import { SIGNAL } from '../../domain/signals.ts';
import { parse } from '../../domain/validation.ts';
import { signalModel, type Workflows } from './temporal.ts';
import { understood } from './understood.ts';

export async function requestChange(workflows: Workflows, request: ModelChangeRequest): Promise<void> {
  const { model } = request.change;
  await signalModel(workflows, model, SIGNAL.requestChange, understood(parse(ModelChangeRequest, request)));
}
