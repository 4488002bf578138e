import { armHandler, armHeaders } from '../server/arm.ts';
import type { Front } from '../server/front.ts';
import { checkBearer, type TokenKey } from '../server/tokens.ts';
import { mlflowHandler } from '../mlflow/service.ts';
import { assetRoutes } from './assets.ts';
import { workspaceId, type Cloud } from './cloud.ts';
import { codes } from './codes.ts';
import { computeRoutes } from './computes.ts';
import { datastoreRoutes } from './datastores.ts';
import { environments } from './environments.ts';
import { models } from './models.ts';
import { deploymentRoutes } from './online-deployments.ts';
import { endpointRoutes } from './online-endpoints.ts';
import { isScoringPath, score } from './scoring.ts';
import { entraId, isTokenPath, machineLearningAudience, managementAudience } from './token.ts';
import { firstDatastore, workspaceRoutes } from './workspace.ts';

/** The cloud: Entra ID, ARM with Azure ML, MLflow's REST API, and the online endpoints' own, as one front. */
export function azureFront(cloud: Cloud, key: TokenKey): Front {
  cloud.store.commit(firstDatastore(cloud));
  const { tenant, clientId, clientSecret, subscription, location } = cloud.config;
  const authority = `${cloud.origin}/${tenant}`;
  const issuer = `${authority}/v2.0`;
  const entra = { origin: cloud.origin, tenant, clientId, clientSecret, key };
  const base = `/mlflow/v1.0${workspaceId(cloud)}`;
  const mlflow = mlflowHandler(
    { store: cloud.store, artifactRoot: `azureml:/${base.slice('/mlflow/v1.0'.length)}/artifacts`, user: clientId },
    base,
  );
  const arm = armHandler({
    routes: [
      ...workspaceRoutes(cloud),
      ...computeRoutes(cloud),
      ...datastoreRoutes(cloud),
      ...assetRoutes(cloud, codes),
      ...assetRoutes(cloud, models),
      ...assetRoutes(cloud, environments),
      ...endpointRoutes(cloud),
      ...deploymentRoutes(cloud),
    ],
    subscription,
    location,
    checkToken: (authorization) =>
      checkBearer(key, authorization, { issuer, audience: [managementAudience, `${managementAudience}/`], authority }),
  });
  const isMlflow = (path: string) => /^\/mlflow\//i.test(path);
  return {
    name: 'azure',
    dialect: (path) => (isTokenPath(path) ? 'token' : isMlflow(path) ? 'mlflow' : 'machine-learning'),
    handle: async (call) => {
      if (isTokenPath(call.path)) return entraId(entra, call);
      if (isScoringPath(call.path)) return score(cloud, call);
      if (!isMlflow(call.path)) return arm(call);
      await checkBearer(key, call.headers.authorization, {
        issuer,
        audience: [managementAudience, machineLearningAudience],
        authority,
      });
      return mlflow(call);
    },
    headers: armHeaders,
  };
}
