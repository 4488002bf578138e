import type { DescribedModel, ModelList, ShowModelInput } from '../../domain/model-catalog.ts';
import type { CompareVersionsInput, VersionComparison } from '../../domain/model-comparison.ts';
import type { ModelChangeRequest, ModelChangeResult } from '../../domain/model-change.ts';

/** The verbs by which models are named and looked at: parts of `activities/contract.ts`, under the same rules. */
export interface CloudModels {
  listModels(site: string): Promise<ModelList>;
  /** Fails where there is no such model at the site, or no such version of it; an archived one is shown too. */
  showModel(request: ShowModelInput): Promise<DescribedModel>;
  /** What two versions differ in. Fails as `showModel` does, for either. */
  compareVersions(request: CompareVersionsInput): Promise<VersionComparison>;
  /** Signal with start of the `model` workflow. The answer comes by signal, where somebody waits for one. */
  requestChange(request: ModelChangeRequest): Promise<void>;
  /**
   * In the `model` workflow's order: in Azure ML, which counts, and then in the registry. A change that is made already is none;
   * one that was asked for before the last is refused.
   */
  changeModel(request: ModelChangeRequest): Promise<ModelChangeResult>;
}
