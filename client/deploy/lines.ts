import type { DeployModelResult } from '../../domain/deployment.ts';

/** What came of a deployment. */
export function deploymentLines({
  model,
  version,
  virtualMachine,
  address,
  test,
  replaced,
}: DeployModelResult): string[] {
  const before = replaced === undefined ? '' : ` (before: version ${replaced})`;
  if (version === undefined) return [`No version of ${model} serves any more${before}.`];
  const rows = test?.rows;
  return [
    `Serves    ${model} version ${version}${before}`,
    `Where     ${virtualMachine}, POST ${address}/score`,
    `Tested    ${rows == null ? 'that it is well; the model recorded no rows to compare' : `${rows} predictions are as recorded`}`,
  ];
}
