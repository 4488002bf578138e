/**
 * The messages of ONNX (onnx/onnx.proto, IR version 13) as far as they say what a model computes. What is not here is dropped:
 * documentation, metadata, producers, hints for devices and for training, and fields that nobody knows.
 */
export interface Message {
  readonly [field: number]: Field;
}

/** How a field is written: `one` is there at most once. */
export interface Field {
  readonly type: 'varint' | 'fixed32' | 'fixed64' | 'bytes' | (() => Message);
  readonly many: boolean;
}

const one = (type: Field['type']): Field => ({ type, many: false });
const many = (type: Field['type']): Field => ({ type, many: true });

const OPERATOR_SET: Message = { 1: one('bytes'), 2: one('varint') };
const TEXTS: Message = { 1: one('bytes'), 2: one('bytes') };
const DIMENSION: Message = { 1: one('varint'), 2: one('bytes'), 3: one('bytes') };
const SHAPE: Message = { 1: many(() => DIMENSION) };
const TENSOR_TYPE: Message = { 1: one('varint'), 2: one(() => SHAPE) };
const WRAPPED_TYPE: Message = { 1: one(() => TYPE) };
const MAP_TYPE: Message = { 1: one('varint'), 2: one(() => TYPE) };
const TYPE: Message = {
  ...{ 1: one(() => TENSOR_TYPE), 4: one(() => WRAPPED_TYPE), 5: one(() => MAP_TYPE), 6: one('bytes') },
  ...{ 7: one(() => TEXTS), 8: one(() => TENSOR_TYPE), 9: one(() => WRAPPED_TYPE) },
};
const VALUE: Message = { 1: one('bytes'), 2: one(() => TYPE) };
export const TENSOR: Message = {
  ...{
    1: many('varint'),
    2: one('varint'),
    4: many('fixed32'),
    5: many('varint'),
    6: many('bytes'),
    7: many('varint'),
  },
  ...{
    8: one('bytes'),
    9: one('bytes'),
    10: many('fixed64'),
    11: many('varint'),
    13: many(() => TEXTS),
    14: one('varint'),
  },
};
const SPARSE_TENSOR: Message = { 1: one(() => TENSOR), 2: one(() => TENSOR), 3: many('varint') };
export const ATTRIBUTE: Message = {
  ...{
    1: one('bytes'),
    2: one('fixed32'),
    3: one('varint'),
    4: one('bytes'),
    5: one(() => TENSOR),
    6: one(() => GRAPH),
  },
  ...{ 7: many('fixed32'), 8: many('varint'), 9: many('bytes'), 10: many(() => TENSOR), 11: many(() => GRAPH) },
  ...{ 14: one(() => TYPE), 15: many(() => TYPE), 20: one('varint'), 21: one('bytes') },
  ...{ 22: one(() => SPARSE_TENSOR), 23: many(() => SPARSE_TENSOR) },
};
const NODE: Message = {
  ...{ 1: many('bytes'), 2: many('bytes'), 3: one('bytes'), 4: one('bytes'), 5: many(() => ATTRIBUTE) },
  ...{ 7: one('bytes'), 8: one('bytes') },
};
const ANNOTATION: Message = { 1: one('bytes'), 2: many(() => TEXTS) };
const GRAPH: Message = {
  ...{ 1: many(() => NODE), 2: one('bytes'), 5: many(() => TENSOR), 11: many(() => VALUE), 12: many(() => VALUE) },
  ...{ 13: many(() => VALUE), 14: many(() => ANNOTATION), 15: many(() => SPARSE_TENSOR) },
};
const FUNCTION: Message = {
  ...{ 1: one('bytes'), 4: many('bytes'), 5: many('bytes'), 6: many('bytes'), 7: many(() => NODE) },
  ...{
    9: many(() => OPERATOR_SET),
    10: one('bytes'),
    11: many(() => ATTRIBUTE),
    12: many(() => VALUE),
    13: one('bytes'),
  },
};
export const MODEL: Message = {
  ...{ 1: one('varint'), 4: one('bytes'), 5: one('varint'), 7: one(() => GRAPH), 8: many(() => OPERATOR_SET) },
  25: many(() => FUNCTION),
};
