import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { findManifest } from '../../services/container-registry/manifests.ts';
import type { ImageManifest } from '../../services/oci-image/image.ts';
import { modelFiles, startCloud, type TestCloud } from './cloud.ts';
import { keepVersion, serve } from './serve-image.ts';

/**
 * A PyTorch model, served by a CPU. The package index has only wheels that bring CUDA along: those of torch 1.13.1, with
 * cuBLAS and cuDNN for CUDA 11, are the smallest for Python 3.11, 1.7 GB where newer ones have 2.9. Kept from
 * `npm test` for that alone.
 */
let cloud: TestCloud;
before(async () => {
  cloud = await startCloud({ base: true });
});
after(async () => cloud?.close());

const ROWS = [
  [2, 1, 3],
  [0, 0.5, 1],
  [-1.5, 4, 0],
];
/** What torch said of these rows where the model was made: linear, ReLU, linear, softmax. */
const SAID = [
  [0.567753, 0.432247],
  [0.619661, 0.380339],
  [0.651103, 0.348897],
];

const WRONG: readonly (readonly [sent: object, path: string])[] = [
  [{ inputs: [[1, 2]] }, 'inputs'],
  [{ inputs: [1, 2, 3] }, 'inputs'],
  [{ inputs: [['a', 'b', 'c']] }, 'inputs'],
  [{ inputs: [[1, 2, 3], [4]] }, 'inputs'],
  [{ inputs: [] }, 'inputs'],
  [{ inputs: [[1, 2, null]] }, 'inputs'],
  [{ input_data: ROWS, params: { device: 'cuda' } }, 'params.device'],
];

it('PyTorch: a tensor of rows, answered as torch itself does; wrong ones by 4xx', async () => {
  const request = { ...(await keepVersion(cloud, await modelFiles('pytorch'), 1, 'pytorch')) };
  const image = await cloud.activities.buildImage({ ...request, repository: 'edge-train/pytorch' });
  const { layers } = (await findManifest(cloud.registry, 'edge-train/pytorch', 'v1'))?.manifest as ImageManifest;
  assert.ok(image.uploadedBytes > 2 ** 31, `the packages of ${layers.length} layers: ${image.uploadedBytes} bytes`);
  const served = await serve(cloud, image);
  try {
    const near = (told: unknown) => {
      const values = (told as number[][]).map((row) => row.map((value) => Number(value.toFixed(5))));
      assert.deepEqual(
        values,
        SAID.map((row) => row.map((value) => Number(value.toFixed(5)))),
      );
    };
    const bare = await served.score({ input_data: ROWS });
    assert.equal(bare.status, 200, JSON.stringify(bare.body));
    near(bare.body);
    for (const form of ['inputs', 'instances']) {
      const { status, body } = await served.score({ [form]: ROWS });
      assert.equal(status, 200, JSON.stringify(body));
      near((body as { predictions: unknown }).predictions);
    }
    for (const [sent, path] of WRONG) {
      const { status, body } = await served.score(sent);
      const { error } = body as { error?: { problems: { path: string }[] } };
      assert.deepEqual([status, error?.problems[0]?.path], [400, path], JSON.stringify(sent));
    }
    near((await served.score({ input_data: ROWS })).body);
  } finally {
    await served.close();
  }
});
