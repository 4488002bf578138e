import type { SiteEnvironment } from './environment.ts';

/**
 * What Azure ML's curated environments mean on a VM without containers: Python and pip packages. Azure's own images cannot be
 * had on site, so these are the nearest that runs the same scripts; `site.yml: environments` adds others and overrides these.
 */
const scientific = ['numpy<2', 'pandas~=1.5.3', 'scipy~=1.10', 'matplotlib<3.9', 'mlflow>=2.22,<3'];

const sklearn15: SiteEnvironment = { python: '3.11', requirements: ['scikit-learn~=1.5.0', ...scientific] };

/** By `curatedName`. Azure's `lightgbm-3.3` really installs 4.6 or later. */
export const CURATED_ENVIRONMENTS: Readonly<Record<string, SiteEnvironment>> = {
  'sklearn-1.5': sklearn15,
  'lightgbm-3.3': { python: '3.11', requirements: [...sklearn15.requirements, 'lightgbm>=4.6'] },
};
