import type { DeployModelResult } from '../../domain/deployment.ts';

/** What came of a deployment. */
export function deploymentLines(result: DeployModelResult): string[] {
  const { model, version, replaced } = result;
  const before = replaced === undefined ? '' : ` (before: version ${replaced})`;
  if (version === undefined) return [`No version of ${model} serves any more${before}.`];
  return [
    `Serves    ${model} version ${version}${before}`,
    ...(result.to === 'cloud' ? inCloud(result) : onMachine(result)),
  ];
}

function onMachine({ model, virtualMachine, address, certificate, test }: DeployModelResult): string[] {
  const rows = test?.rows;
  return [
    `Where     ${virtualMachine}, POST ${address}/score`,
    ...(certificate === undefined ? [] : [`Trust     edge-train deployments certificate ${model} > ${model}.pem`]),
    `Tested    ${rows == null ? 'that it is well; the model recorded no rows to compare' : `${rows} predictions are as recorded`}`,
  ];
}

function inCloud({ endpoint, address, test }: DeployModelResult): string[] {
  const rows = test?.rows;
  const tested = rows == null ? 'that it answers' : `that it answers: ${rows} predictions of made-up rows`;
  return [
    `Where     ${endpoint}, POST ${address}`,
    `Key       az ml online-endpoint get-credentials --name ${endpoint}`,
    `Tested    ${tested}`,
  ];
}
