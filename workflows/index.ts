export { checkSite } from './check-site.ts';
export { deployModel } from './deploy-model.ts';
export { listDeployments } from './list-deployments.ts';
export { model } from './model.ts';
export { publishMetrics } from './publish-metrics.ts';
export { trainModel } from './train-model.ts';
export { trial } from './trial.ts';
export { virtualMachine } from './virtual-machine.ts';
