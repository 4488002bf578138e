import { containsAny, type ByteSource } from './byte-source.ts';

/** Classes whose fitted objects hold rows of what they were trained on, as they are or scaled; scikit-learn’s and its kin’s. */
const CLASSES = [
  ...['KNeighborsClassifier', 'KNeighborsRegressor', 'RadiusNeighborsClassifier', 'RadiusNeighborsRegressor'],
  ...['NearestNeighbors', 'KNeighborsTransformer', 'RadiusNeighborsTransformer', 'KDTree', 'BallTree', 'KernelDensity'],
  ...['LocalOutlierFactor', 'KNNImputer', 'SVC', 'NuSVC', 'SVR', 'NuSVR', 'OneClassSVM', 'KernelRidge', 'KernelPCA'],
  ...[
    'GaussianProcessClassifier',
    'GaussianProcessRegressor',
    'LabelPropagation',
    'LabelSpreading',
    'DBSCAN',
    'OPTICS',
  ],
  ...[
    'Isomap',
    'LocallyLinearEmbedding',
    'SpectralClustering',
    'AffinityPropagation',
    'MeanShift',
    'HDBSCAN',
    'Nystroem',
  ],
  ...['SMOTE', 'UMAP', 'cKDTree'],
  // What holds a table as it is.
  ...['DataFrame', 'BlockManager'],
];
/** Operators of ONNX that are given rows: support vectors, distances to each of many points. */
const OPERATORS = ['SVMClassifier', 'SVMRegressor', 'CDist'];

/** How a name stands in a pickle of any protocol, in JSON, and in ONNX: a name among random weights is none of these. */
const PATTERNS: readonly Buffer[] = [
  ...CLASSES.flatMap((name) => {
    const [length, after] = [String.fromCharCode(name.length), Buffer.from(name, 'latin1')];
    const heads = [`\x8c${length}`, `X${length}\0\0\0`].map((head) => Buffer.from(head, 'latin1'));
    return [...heads.map((head) => Buffer.concat([head, after])), Buffer.from(`\n${name}\n`), Buffer.from(`"${name}"`)];
  }),
  ...OPERATORS.map((name) => Buffer.from(`\x22${String.fromCharCode(name.length)}${name}`, 'latin1')),
];

/** Whether a model names a class whose objects hold rows. By name alone: nothing is loaded. */
export const storesRows = (source: ByteSource): Promise<boolean> => containsAny(source, PATTERNS);
