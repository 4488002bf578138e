import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { EdgeDependencies } from '../../activities/edge/dependencies.ts';
import { plannedImage, pullServingImage } from '../../activities/edge/pull-serving-image.ts';
import { verifySealed } from '../../activities/edge/verify-image.ts';
import type { ImageGrant, SealedGrant } from '../../domain/grant.ts';
import type { MachinePolicy } from '../../domain/machine-config.ts';
import { BILL_OF_MATERIALS_TYPE, PROVENANCE_TYPE, SIGNATURE_TYPE } from '../../domain/statement.ts';
import { pullToken } from '../../services/container-registry/pull-token.ts';
import { RECEIPT_MEDIA_TYPE } from '../../services/image-trust/sigstore-bundle.ts';
import { MODEL_FOLDER } from '../../services/serving-image/model-layer.ts';
import { generateMachineKey, generateSigningKey, seal } from '../../services/signing.ts';
import { modelFiles } from '../cloud/cloud.ts';
import {
  attachDocuments,
  attest,
  documentsOf,
  flipped,
  KEYS,
  PULL_TOKEN,
  pushServingImage,
  readerOf,
  startRegistry,
  startUplink,
  withPayload,
  type Document,
  type TestImage,
  type TestRegistry,
} from '../services/attested-image.ts';

describe('a VM that is to serve an image', () => {
  const machine = generateMachineKey();
  let at: TestRegistry;
  let home: string;
  before(async () => {
    at = await startRegistry();
    home = await mkdtemp(join(tmpdir(), 'edge-train-serving-'));
  });
  after(async () => {
    await at?.[Symbol.asyncDispose]();
    await rm(home, { recursive: true });
  });

  type Services = NonNullable<MachinePolicy['services']>;
  const OURS: Services = {
    ...{ memoryBytes: 1, ports: [8100, 8101], listen: '127.0.0.1', keys: {} },
    ...{ imageKeys: KEYS.keys, receiptKeys: KEYS.receiptKeys },
  };

  /** The VM as root set it up, with the image's tree as it was unpacked and sealed. */
  async function machineWith({ image }: TestImage, uplink: string, services: Services | undefined = OURS) {
    const { digest } = plannedImage(image);
    const folder = join(home, 'images', digest);
    const manifest = await readerOf(at, image.repository).manifest(image.digest);
    await rm(folder, { recursive: true, force: true });
    for (const { path, content } of await modelFiles()) {
      const file = join(folder, 'tree', MODEL_FOLDER, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
    }
    await writeFile(join(folder, 'environment.lock'), manifest?.content ?? '');
    const limits = { maxSeconds: 1, maxLogBytes: 1, maxImageBytes: 1, cacheBytes: 1, cacheDays: 1 };
    const policyFile = join(home, 'policy.json');
    await writeFile(
      policyFile,
      JSON.stringify({ site: 'demo', release: {}, ...limits, ...(services ? { services } : {}) }),
    );
    const launcher = { image: () => Promise.resolve({ path: folder, sealed: true }) };
    const ca = at.fixture.ca;
    const edge = { ...{ home, policyFile, launcher, uplink, ca }, machineKey: machine.privateKey };
    return { edge: edge as unknown as EdgeDependencies, model: join(folder, 'tree', MODEL_FOLDER), folder };
  }

  async function granted({ image }: TestImage, uplink: string): Promise<SealedGrant> {
    const source = { registry: image.registry, repository: image.repository, ca: at.fixture.ca, uplink };
    const token = await pullToken(source, { username: PULL_TOKEN.name, password: PULL_TOKEN.password });
    const grant: ImageGrant = {
      ...{ kind: 'image', registry: image.registry, repository: image.repository },
      digest: plannedImage(image).digest,
      ...(token.authorization ? { authorization: token.authorization } : {}),
    };
    return { kind: 'image', jwe: await seal(grant, machine.publicKey), expires: token.expires.toISOString() };
  }

  const wanted = ({ image, version, evidence }: TestImage) => ({
    ...{ image, version: version.version, model: evidence.plan.model.name },
  });

  it('takes what the cloud worker signed, by the keys of its policy file and for the version that is asked for', async (t) => {
    const pushed = await pushServingImage(at, { repository: 'edge-train/serves' });
    const uplink = await startUplink(t);
    const { edge } = await machineWith(pushed, uplink);
    const grants = [await granted(pushed, uplink)];
    const pull = (more: object = {}) => pullServingImage(edge, { ...wanted(pushed), grants, ...more });

    await assert.rejects(pull(), { type: 'ImageUnsigned', class: 'policy' });
    await attest(at, pushed);
    assert.deepEqual(await pull(), { cached: true });
    await assert.rejects(pull({ version: 2 }), { type: 'ProvenanceRefused', message: /version 1 of demo.* version 2/ });
    await assert.rejects(pull({ model: 'other' }), { type: 'ProvenanceRefused' });

    const another = generateSigningKey().publicKey;
    const cases: [Services, string | undefined][] = [
      [{ ...OURS, imageKeys: [another] }, 'ImageSignatureRefused'],
      [{ ...OURS, receiptKeys: [another] }, 'AttachedReceiptRefused'],
      [{ ...OURS, imageKeys: [another, ...OURS.imageKeys], receiptKeys: [another, ...OURS.receiptKeys] }, undefined],
    ];
    for (const [services, type] of cases) {
      await machineWith(pushed, uplink, services);
      await (type ? assert.rejects(pull(), { type, class: 'policy' }) : pull());
    }
    const { folder } = await machineWith(pushed, uplink);
    await writeFile(join(folder, 'environment.lock'), '{}');
    await assert.rejects(pull(), { type: 'ImageDiffers' });
  });

  it('refuses each document that was changed on its way, by the document’s own name', async (t) => {
    const honest = await pushServingImage(at, { repository: 'edge-train/untouched' });
    await attest(at, honest);
    const documents = await documentsOf(at, honest.image);
    const changedBit = ({ text }: Document) => withPayload(text, flipped);
    const ofReceipt = ({ text }: Document) => text.replace('"payload":"e', '"payload":"f');
    const cases: [what: string, change: (document: Document) => string, type: string, why: RegExp][] = [
      [BILL_OF_MATERIALS_TYPE, changedBit, 'BillOfMaterialsRefused', /it was changed, or another key signed it/],
      [PROVENANCE_TYPE, changedBit, 'ProvenanceRefused', /it was changed, or another key signed it/],
      [SIGNATURE_TYPE, changedBit, 'ImageSignatureRefused', /it was changed, or another key signed it/],
      [RECEIPT_MEDIA_TYPE, ofReceipt, 'AttachedReceiptRefused', /not the one that the provenance names/],
    ];
    const uplink = await startUplink(t);
    for (const [index, [what, change, type, message]] of cases.entries()) {
      const pushed = await pushServingImage(at, { repository: `edge-train/tampered-${index}` });
      assert.equal(pushed.image.digest, honest.image.digest);
      const changed = documents.map((each) => (each.type === what ? { ...each, text: change(each) } : each));
      assert.notDeepEqual(changed, documents);
      await attachDocuments(at, pushed.image, changed);
      const { edge } = await machineWith(pushed, uplink);
      const pull = { ...wanted(pushed), grants: [await granted(pushed, uplink)] };
      await assert.rejects(pullServingImage(edge, pull), { type, class: 'policy', message }, what);
      await attachDocuments(at, pushed.image, documents);
      assert.deepEqual(await pullServingImage(edge, pull), { cached: true }, what);
    }
  });

  it('refuses what was said of another image', async (t) => {
    const [signed, other] = [
      await pushServingImage(at, { repository: 'edge-train/signed' }),
      await pushServingImage(at, { repository: 'edge-train/other', changed: true }),
    ];
    await attest(at, signed);
    await attachDocuments(at, other.image, await documentsOf(at, signed.image));
    const uplink = await startUplink(t);
    const { edge } = await machineWith(other, uplink);
    const grants = [await granted(other, uplink)];
    await assert.rejects(pullServingImage(edge, { ...wanted(other), grants }), { type: 'ImageSignatureRefused' });
  });

  it('serves no other file than those that left the site', async (t) => {
    const pushed = await pushServingImage(at, { repository: 'edge-train/files' });
    const { artifacts } = pushed.evidence.release;
    const uplink = await startUplink(t);
    const changes: [string, (model: string) => Promise<unknown>][] = [
      ['a file more', (model) => writeFile(join(model, 'more.py'), '')],
      ['a link', (model) => symlink('/etc', join(model, 'link'))],
      ['a file less', async (model) => rm(join(model, (await readdir(model)).at(-1) ?? ''), { recursive: true })],
      ['another content', (model) => writeFile(join(model, artifacts[0]?.path ?? ''), 'other')],
    ];
    for (const [what, change] of changes) {
      const { edge, model } = await machineWith(pushed, uplink);
      await verifySealed(edge, plannedImage(pushed.image), artifacts);
      await change(model);
      const verifying = verifySealed(edge, plannedImage(pushed.image), artifacts);
      await assert.rejects(verifying, { type: 'ImageModelDiffers' }, what);
    }
  });
});
