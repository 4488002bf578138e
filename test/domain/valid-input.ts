import type { TrainModelRequest } from '../../domain/train-model-input.ts';

/** An input that is right as it stands; tests change one thing of it. */
export function validInput(): TrainModelRequest {
  return {
    site: 'demo',
    job: {
      command: 'python train.py --data ${{inputs.data}} --model ${{outputs.model}}',
      inputs: { data: { type: 'uri_file', path: 'azureml://datastores/hospital/paths/breast-cancer/wdbc.csv' } },
      outputs: { model: { type: 'mlflow_model' } },
      environment: 'azureml://registries/azureml/environments/sklearn-1.5/labels/latest',
    },
    model: { name: 'breast-cancer' },
  };
}
