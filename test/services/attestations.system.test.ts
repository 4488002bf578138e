import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { bundleFromJSON } from '@sigstore/bundle';
import { toSignedEntity, Verifier, type TrustMaterial } from '@sigstore/verify';
import { BILL_OF_MATERIALS_TYPE, imageStatement, PROVENANCE_TYPE, SIGNATURE_TYPE } from '../../domain/statement.ts';
import { canonicalRecipe } from '../../domain/training-plan.ts';
import { VERSION } from '../../domain/version.ts';
import { fallbackTag, listReferrers } from '../../services/container-registry/referrers.ts';
import { pullReader } from '../../services/container-registry/pull-reader.ts';
import { pullToken } from '../../services/container-registry/pull-token.ts';
import { RegistrySession } from '../../services/container-registry/session.ts';
import { ServiceError } from '../../services/errors.ts';
import {
  BUNDLE_MEDIA_TYPE,
  bundleText,
  readBundle,
  RECEIPT_MEDIA_TYPE,
} from '../../services/image-trust/sigstore-bundle.ts';
import { verifyImage, type VerifyRequest } from '../../services/image-trust/verify-image.ts';
import { digestOf, type ImageManifest } from '../../services/oci-image/image.ts';
import { canonicalJson, generateSigningKey, signStatement } from '../../services/signing.ts';
import { command, folder } from '../client/command.ts';
import { told } from '../client/stub/told.ts';
import { receiptOf } from '../cloud/cloud.ts';
import { refreshToken, TOKEN_USER } from '../cloud/registry-token.ts';
import {
  attachDocuments,
  attest,
  BASE_DIGEST,
  CODE,
  documentsOf,
  flipped,
  KEYS,
  LOCK,
  PULL_TOKEN,
  pushServingImage,
  readerOf,
  signingKey,
  startRegistry,
  startUplink,
  withPayload,
  type Document,
  type TestImage,
  type TestRegistry,
} from './attested-image.ts';

for (const referrers of [true, false])
  describe(`what is attached to an image, ${referrers ? 'listed by the registry' : 'listed under a tag'}`, () => {
    let at: TestRegistry;
    before(async () => {
      at = await startRegistry({ referrers });
    });
    after(async () => at?.[Symbol.asyncDispose]());

    it('is a receipt, an SBOM, a provenance and a signature, and the verifier takes them', async () => {
      const pushed = await pushServingImage(at, { repository: 'edge-train/whole' });
      const attached = await attest(at, pushed);
      assert.deepEqual(
        attached.map(({ kind }) => kind),
        ['receipt', 'sbom', 'provenance', 'signature'],
      );
      const reader = readerOf(at, 'edge-train/whole');
      assert.equal((await reader.referrers(pushed.image.digest)) !== undefined, referrers);
      assert.equal((await reader.manifest(fallbackTag(pushed.image.digest))) === undefined, referrers);

      const verified = await verify(at, pushed);
      assert.equal(verified.receipt.digest, pushed.receipt.digest);
      assert.equal(verified.provenance.buildDefinition.externalParameters.job, pushed.evidence.plan.job);
      assert.deepEqual(await verify(at, pushed, { reference: 'v1' }), verified, 'by its tag too');
    });

    it('is seen by a site, through its uplink and with a token that only pulls', async (t) => {
      const pushed = await pushServingImage(at, { repository: 'edge-train/site' });
      await attest(at, pushed);
      const source = {
        ...{ registry: at.registry.loginServer, repository: 'edge-train/site', ca: at.fixture.ca },
        uplink: await startUplink(t),
      };
      const token = await pullToken(source, { username: PULL_TOKEN.name, password: PULL_TOKEN.password });
      const reader = pullReader({ ...source, authorization: token.authorization });
      const seen = await verify(at, pushed, { reader });
      assert.deepEqual(seen, await verify(at, pushed));
      await refused(verify(at, pushed, { reader, reference: 'v9' }), 'ImageAbsent', /none of this name/);
    });

    it('is one of each after a crash at any push, and the same ones', async () => {
      const pushed = await pushServingImage(at, { repository: 'edge-train/crashed' });
      const crashes = [];
      for (let skip = 0; ; skip++) {
        const order = {
          route: 'PUT /v2/edge-train/crashed/manifests/**',
          action: 'drop',
          front: 'registry',
          skip,
        } as const;
        const id = await at.fixture.fault({ ...order, moment: skip % 2 === 0 ? 'before' : 'after' });
        const failed = await attest(at, pushed).then(
          () => false,
          () => true,
        );
        await at.fixture.admin('DELETE', `/faults/${id}`).catch(() => {});
        crashes.push(failed);
        if (!failed) break;
      }
      assert.ok(crashes.length > 4, `${crashes.length} crashes`);
      const attached = await attest(at, pushed);
      const listed = await listReferrers(readerOf(at, 'edge-train/crashed'), pushed.image.digest);
      assert.deepEqual(listed.map(({ digest }) => digest).sort(), attached.map(({ digest }) => digest).sort());
      await verify(at, pushed);
    });

    it('is all of it, of several writers at once', async () => {
      const pushed = await pushServingImage(at, { repository: 'edge-train/many' });
      await attest(at, pushed);
      const [any] = await documentsOf(at, pushed.image);
      const others = ['one', 'two', 'three'].map((text) => ({ ...any!, text, annotations: { text } }));
      await Promise.all(others.map((each) => attachDocuments(at, pushed.image, [each])));
      assert.equal((await documentsOf(at, pushed.image)).length, 7);
      // What others attach hides nothing.
      await verify(at, pushed);
    });

    it('holds for two versions of one content, and with the old key and the new', async () => {
      const repository = 'edge-train/twice';
      const first = await pushServingImage(at, { repository });
      const second = await pushServingImage(at, { repository, number: 2, job: 'fedcba9876543210fedc' });
      assert.equal(second.image.digest, first.image.digest);
      await attest(at, first);
      const fresh = generateSigningKey();
      await attest(at, second, fresh.privateKey);
      const jobs = async (...keys: string[]) =>
        (await verify(at, first, { keys })).provenance.buildDefinition.externalParameters.job;
      assert.equal(await jobs(signingKey.publicKey), first.evidence.plan.job);
      assert.equal(await jobs(fresh.publicKey), second.evidence.plan.job);
      await jobs(fresh.publicKey, signingKey.publicKey);
      assert.equal((await documentsOf(at, first.image)).length, 8);
    });
  });

describe('what an image’s statements say', () => {
  let at: TestRegistry;
  let honest: TestImage;
  let documents: Document[];
  before(async () => {
    at = await startRegistry();
    honest = await pushServingImage(at, { repository: 'edge-train/honest' });
    await attest(at, honest);
    documents = await documentsOf(at, honest.image);
  });
  after(async () => at?.[Symbol.asyncDispose]());

  const statementIn = (document: Document): { predicate: unknown } =>
    JSON.parse(Buffer.from(readBundle(document.text)?.payload ?? '', 'base64').toString()) as { predicate: unknown };
  const documentOf = (type: string): Document => documents.find((each) => each.type === type)!;

  it('is an SBOM by CycloneDX’s own schema, with packages, licences, model and data, and nothing else of the data', async () => {
    const { predicate } = statementIn(documentOf(BILL_OF_MATERIALS_TYPE));
    const fault = await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(JSON.stringify(predicate));
    assert.equal(fault, null, JSON.stringify(fault));
    const { components } = predicate as { components: Record<string, unknown>[] };
    assert.deepEqual(
      components.filter(({ type }) => type === 'library').map(({ purl, licenses }) => [purl, licenses]),
      [
        ['pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12', undefined],
        ['pkg:deb/debian/perl@1:5.36~1?arch=all&distro=debian-12', undefined],
        ['pkg:pypi/numpy@1.26.4', [{ license: { name: 'BSD License' } }]],
        ['pkg:pypi/typing-extensions@4.12%2Blocal', [{ expression: 'PSF-2.0' }]],
      ],
    );
    const { rootDigest } = honest.evidence.inputs.data;
    assert.deepEqual(
      components.filter(({ type }) => type === 'data'),
      [
        {
          ...{ type: 'data', 'bom-ref': 'training-data', name: 'training data' },
          hashes: [{ alg: 'SHA-256', content: rootDigest }],
        },
      ],
    );
    const model = components.find(({ type }) => type === 'machine-learning-model') as { components: unknown[] };
    assert.equal(model.components.length, honest.evidence.release.artifacts.length);
  });

  it('is a provenance of who made it and of what, each by one digest, and nothing else', () => {
    const { plan, release, inputs, environment } = honest.evidence;
    const made = (name: string, sha256: string) => ({ name, digest: { sha256 } });
    assert.deepEqual(statementIn(documentOf(PROVENANCE_TYPE)).predicate, {
      buildDefinition: {
        buildType: 'https://edge-train.dev/serving-image/v1',
        externalParameters: {
          model: { name: plan.model.name, version: 1 },
          image: { repository: 'edge-train/honest', tag: 'v1' },
          ...{ site: 'demo', job: plan.job },
        },
        resolvedDependencies: [
          made('receipt', honest.receipt.digest),
          made('model', release.digest),
          made('data', inputs.data.rootDigest),
          made('code', CODE),
          made('job file', digestOf(Buffer.from(canonicalRecipe(plan))).replace('sha256:', '')),
          made('training environment', environment.lock),
          made('serving environment', LOCK),
          made('base image', BASE_DIGEST),
        ],
      },
      runDetails: {
        builder: { id: 'https://edge-train.dev/cloud-worker/v1', version: { 'edge-train': VERSION } },
        metadata: { invocationId: `${plan.workflowId}/${plan.job}` },
      },
    });
  });

  it('is what @sigstore/verify takes, and not with one bit changed', () => {
    for (const type of [SIGNATURE_TYPE, PROVENANCE_TYPE, BILL_OF_MATERIALS_TYPE]) {
      const { text } = documentOf(type);
      bySigstore(text);
      assert.doesNotMatch(text, /keyid/, 'cosign would pass it by');
      assert.throws(() => bySigstore(withPayload(text, flipped)), /signature verification failed/);
    }
  });

  it('is the same for the same run: only signatures differ, and those are made once', async () => {
    await attest(at, honest);
    assert.deepEqual(await documentsOf(at, honest.image), documents);
  });

  it('is read from the layers once', async () => {
    const before = await reads();
    assert.ok(before > 0);
    await attest(at, honest);
    assert.equal(await reads(), before);
    async function reads() {
      const { layers } = JSON.parse(
        (await readerOf(at, 'edge-train/honest').manifest('v1'))?.content.toString() ?? '',
      ) as ImageManifest;
      const paths = layers.map(({ digest }) => `/v2/edge-train/honest/blobs/${digest}`);
      const requests = await at.fixture.admin<{ method: string; path: string }[]>('GET', '/requests');
      return requests.filter(({ method, path }) => method === 'GET' && paths.includes(path)).length;
    }
  });

  const without = (type: string) => () => documents.filter((each) => each.type !== type);
  const instead = (type: string, change: (document: Document) => Document) => () =>
    documents.map((each) => (each.type === type ? change(each) : each));
  const signed = (predicateType: string, predicate: object, { key = signingKey.privateKey, digest = '' } = {}) => {
    const image = { repository: 'edge-train/any', digest: digest || honest.image.digest };
    return bundleText(signStatement(imageStatement(image, predicateType, predicate), key));
  };
  const saying = (type: string, change: (predicate: never) => object) =>
    instead(type, (document) => ({
      ...document,
      text: signed(type, change(statementIn(document).predicate as never)),
    }));
  const changedBit = (type: string) =>
    instead(type, (document) => ({ ...document, text: withPayload(document.text, flipped) }));
  const ofAnother = (type: string) =>
    instead(type, (document) => {
      const digest = `sha256:${'9'.repeat(64)}`;
      return { ...document, text: signed(type, statementIn(document).predicate as object, { digest }) };
    });
  const receiptSignedBy = (change: Partial<TestImage['evidence']>, key?: string) => {
    const receipt = receiptOf({ ...honest.evidence, ...change }, key === undefined ? {} : { key });
    return { text: canonicalJson(receipt.envelope), digest: receipt.digest };
  };
  type Made = { name: string }[];
  const madeFrom = (change: (dependencies: Made) => Made) =>
    saying(PROVENANCE_TYPE, (predicate: { buildDefinition: { resolvedDependencies: Made } }) => {
      const resolvedDependencies = change(predicate.buildDefinition.resolvedDependencies);
      return { ...predicate, buildDefinition: { ...predicate.buildDefinition, resolvedDependencies } };
    });
  const madeWithout = (name: string) => madeFrom((all) => all.filter((each) => each.name !== name));
  const namingReceipt = (make: () => { text: string; digest: string }) => () => {
    const { text, digest } = make();
    const named = saying(PROVENANCE_TYPE, (predicate: { buildDefinition: { resolvedDependencies: object[] } }) => {
      const [, ...others] = predicate.buildDefinition.resolvedDependencies;
      const resolvedDependencies = [{ name: 'receipt', digest: { sha256: digest } }, ...others];
      return { ...predicate, buildDefinition: { ...predicate.buildDefinition, resolvedDependencies } };
    });
    return named().map((each) => (each.type === RECEIPT_MEDIA_TYPE ? { ...each, text } : each));
  };

  type AttachedFault = [what: string, attached: () => Document[], type: string, why: RegExp];
  const faults: AttachedFault[] = [
    ['nothing', () => [], 'ImageUnsigned', /nothing is attached/],
    ['all but a signature', without(SIGNATURE_TYPE), 'ImageUnsigned', /is no signature/],
    [
      'a signature that is a statement of another type',
      instead(SIGNATURE_TYPE, (each) => ({ ...each, text: signed('https://example.com/other', {}) })),
      'ImageUnsigned',
      /is no signature/,
    ],
    ['a signature with one bit changed', changedBit(SIGNATURE_TYPE), 'ImageSignatureRefused', /changed/],
    ['another image’s signature', ofAnother(SIGNATURE_TYPE), 'ImageSignatureRefused', /another image/],
    [
      'a signature by another key',
      instead(SIGNATURE_TYPE, (each) => ({
        ...each,
        text: signed(SIGNATURE_TYPE, {}, { key: generateSigningKey().privateKey }),
      })),
      'ImageSignatureRefused',
      /another key/,
    ],
    ['no provenance', without(PROVENANCE_TYPE), 'ProvenanceRefused', /none is attached/],
    ['a provenance with one bit changed', changedBit(PROVENANCE_TYPE), 'ProvenanceRefused', /changed/],
    ['another image’s provenance', ofAnother(PROVENANCE_TYPE), 'ProvenanceRefused', /another image/],
    [
      'a provenance in another form',
      saying(PROVENANCE_TYPE, () => ({ buildDefinition: {} })),
      'ProvenanceRefused',
      /as edge-train writes it/,
    ],
    ...['receipt', 'job file', 'serving environment', 'base image'].flatMap((name): AttachedFault[] => {
      const why = new RegExp(`names no ${name}, or more than one`);
      const twice = madeFrom((all) => [...all, ...all.filter((each) => each.name === name)]);
      return [
        [`a provenance that names no ${name}`, madeWithout(name), 'ProvenanceRefused', why],
        [`a provenance that names the ${name} twice`, twice, 'ProvenanceRefused', why],
      ];
    }),
    ...['model', 'data', 'code', 'training environment'].map((name): AttachedFault => {
      const why = new RegExp(`its ${name} is not that of the receipt`);
      return [`a provenance that names no ${name}`, madeWithout(name), 'ProvenanceRefused', why];
    }),
    ['no SBOM', without(BILL_OF_MATERIALS_TYPE), 'BillOfMaterialsRefused', /none is attached/],
    ['an SBOM with one bit changed', changedBit(BILL_OF_MATERIALS_TYPE), 'BillOfMaterialsRefused', /changed/],
    ['another image’s SBOM', ofAnother(BILL_OF_MATERIALS_TYPE), 'BillOfMaterialsRefused', /another image/],
    [
      'an SBOM of another model’s files',
      saying(BILL_OF_MATERIALS_TYPE, (predicate: { components: { components?: { hashes: object[] }[] }[] }) => {
        const changed = structuredClone(predicate);
        const [file] = changed.components.find(({ components }) => components)?.components ?? [];
        file!.hashes = [{ alg: 'SHA-256', content: '0'.repeat(64) }];
        return changed;
      }),
      'BillOfMaterialsRefused',
      /files are not those of the receipt/,
    ],
    [
      'an SBOM of other data',
      saying(BILL_OF_MATERIALS_TYPE, (predicate: object) => {
        const { rootDigest } = honest.evidence.inputs.data;
        return JSON.parse(JSON.stringify(predicate).replaceAll(rootDigest, '1'.repeat(64))) as object;
      }),
      'BillOfMaterialsRefused',
      /data is not that of the receipt/,
    ],
    ['no receipt', without(RECEIPT_MEDIA_TYPE), 'AttachedReceiptRefused', /none is attached/],
    [
      'a receipt with one bit changed',
      instead(RECEIPT_MEDIA_TYPE, (each) => ({ ...each, text: each.text.replace('"payload":"e', '"payload":"f') })),
      'AttachedReceiptRefused',
      /not the one that the provenance names/,
    ],
    [
      'another run’s receipt',
      instead(RECEIPT_MEDIA_TYPE, (each) => {
        const plan = { ...honest.evidence.plan, job: '9'.repeat(20) };
        return { ...each, text: receiptSignedBy({ plan }).text };
      }),
      'AttachedReceiptRefused',
      /not the one that the provenance names/,
    ],
    [
      'a receipt by another key, which the provenance names',
      namingReceipt(() => receiptSignedBy({}, generateSigningKey().privateKey)),
      'AttachedReceiptRefused',
      /not by one of the sites/,
    ],
    [
      'a provenance that names another run’s receipt',
      namingReceipt(() => receiptSignedBy({ plan: { ...honest.evidence.plan, job: '9'.repeat(20) } })),
      'ProvenanceRefused',
      /job is not that of the receipt/,
    ],
    [
      'a provenance that names a receipt over other files',
      namingReceipt(() => {
        const { release } = honest.evidence;
        const artifacts = release.artifacts.slice(1);
        return receiptSignedBy({ release: { ...release, artifacts } });
      }),
      'AttachedReceiptRefused',
      /digest in it is not that of its files/,
    ],
  ];
  for (const [index, [what, attached, type, why]] of faults.entries())
    it(`is refused with ${what}`, async () => {
      const pushed = await pushServingImage(at, { repository: `edge-train/fault-${index}` });
      assert.equal(pushed.image.digest, honest.image.digest);
      const changed = attached();
      await attachDocuments(at, pushed.image, changed);
      await refused(verify(at, pushed), type, why);
      // The same with what is right beside it: what is wrong is of no weight.
      await attachDocuments(at, pushed.image, documents);
      await verify(at, pushed);
    });

  it('is taken though somebody attached what is no document', async () => {
    const pushed = await pushServingImage(at, { repository: 'edge-train/strange' });
    await attest(at, pushed);
    await attachDocuments(at, pushed.image, [{ ...documents[0]!, text: 'no JSON', artifactType: BUNDLE_MEDIA_TYPE }]);
    const [{ digest = '' } = {}] = await listReferrers(readerOf(at, 'edge-train/strange'), pushed.image.digest);
    const stored = await readerOf(at, 'edge-train/strange').manifest(digest);
    const strange = JSON.parse(stored?.content.toString() ?? '') as ImageManifest;
    const body = Buffer.from(JSON.stringify({ ...strange, layers: [strange.config, strange.config] }));
    await new RegistrySession(at.registry).send({
      ...{ method: 'PUT', target: `/v2/edge-train/strange/manifests/${digestOf(body)}`, body, accept: [201] },
      headers: { 'content-type': strange.mediaType },
    });
    assert.equal((await listReferrers(readerOf(at, 'edge-train/strange'), pushed.image.digest)).length, 6);
    await verify(at, pushed);
  });

  it('is refused where the image holds another model than the site released', async () => {
    const pushed = await pushServingImage(at, { repository: 'edge-train/other-model', changed: true });
    assert.notEqual(pushed.image.digest, honest.image.digest);
    await attest(at, pushed);
    await refused(verify(at, pushed), 'ImageModelDiffers', /1 of \d files of the model are other ones/);
    await verify(at, pushed, { readModel: false });
  });

  it('is refused where one bit of the image was changed in the registry’s storage', async () => {
    const pushed = await pushServingImage(at, { repository: 'edge-train/damaged' });
    await attest(at, pushed);
    await verify(at, pushed);
    const stored = await readerOf(at, 'edge-train/damaged').manifest('v1');
    const { layers } = JSON.parse(stored?.content.toString() ?? '') as ImageManifest;
    const model = at.stored(layers.at(-1)?.digest ?? '');
    const content = await readFile(model);
    // The last byte is padding: no file of the model is another, and the layer is.
    const last = content.length - 1;
    await writeFile(model, Buffer.concat([content.subarray(0, last), flipped(content.subarray(last))]));
    await refused(verify(at, pushed), 'ImageModelDiffers', /layer was changed/);
    await writeFile(model, content);
    await verify(at, pushed);
    const manifest = at.stored(pushed.image.digest);
    const text = await readFile(manifest, 'utf8');
    await writeFile(manifest, text.replace(/"sha256:a{64}"/, `"sha256:${'a'.repeat(63)}c"`));
    await refused(verify(at, pushed), 'ContentDiffers', /it was changed/);
    // By its tag it is another image, which nobody signed.
    await refused(verify(at, pushed, { reference: 'v1' }), 'ImageUnsigned', /nothing is attached/);
    await writeFile(manifest, text);
  });

  it('is told by the command, which needs both keys and names what does not hold', async (t) => {
    const place = folder(t, {
      'image.pub': KEYS.keys[0]!,
      'receipt.pub': KEYS.receiptKeys[0]!,
      'ca.pem': at.registry.ca!,
    });
    const { registry, repository, digest, tag } = honest.image;
    const env = { TOKEN: await refreshToken(at.registry) };
    const verifying = (...args: string[]) => command(['image', 'verify', ...args], { cwd: place, env });
    const keys = ['--key', 'image.pub', '--receipt-key', 'receipt.pub'];
    const login = ['--username', TOKEN_USER, '--password', 'env:TOKEN', '--ca', 'ca.pem'];
    const ended = await verifying(`${registry}/${repository}:${tag}`, ...keys, ...login, '--json');
    assert.equal(ended.exitCode, 0, ended.stdout + ended.stderr);
    const said = told<{ image: string; receipt: string; modelRead: boolean }>('output-image', ended);
    const image = `${registry}/${repository}@${digest}`;
    assert.deepEqual([said.image, said.receipt, said.modelRead], [image, honest.receipt.digest, true]);

    const shown = await verifying(image, ...keys, ...login, '--no-model');
    assert.match(shown.stdout, /Verified: signed by the key sha256:[0-9a-f]{64}\./);
    assert.match(shown.stdout, /The model’s files were not read/);
    const other = await verifying(image, '--key', 'receipt.pub', '--receipt-key', 'receipt.pub', ...login, '--json');
    assert.equal(other.exitCode, 1);
    assert.equal(told<{ failure: { type: string } }>('output-error', other).failure.type, 'ImageSignatureRefused');
    for (const args of [keys.slice(2), keys.slice(0, 2), [...keys, '--username', 'x']])
      assert.equal((await verifying(image, ...args)).exitCode, 2, args.join(' '));
  });

  it('is nothing where there is no image', async () => {
    await refused(verify(at, honest, { reference: 'v99' }), 'ImageAbsent', /none of this name/);
  });
});

function verify(at: TestRegistry, { image }: TestImage, changes: Partial<VerifyRequest> = {}) {
  const name = `${image.registry}/${image.repository}`;
  const reader = readerOf(at, image.repository);
  return verifyImage({ reader, name, reference: image.digest, ...KEYS, ...changes });
}

async function refused(verifying: Promise<unknown>, type: string, why: RegExp): Promise<void> {
  await assert.rejects(verifying, (error: unknown) => {
    assert.ok(error instanceof ServiceError, String(error));
    assert.deepEqual([error.type, error.retryable], [type, false], error.message);
    assert.match(error.message, why);
    return true;
  });
}

/** Another program's verifier: no log, no certificate, one key. */
function bySigstore(text: string): void {
  const key = { publicKey: createPublicKey(signingKey.publicKey), validFor: () => true };
  const none = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
  const trust: TrustMaterial = { ...none, publicKey: () => key };
  const verifier = new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });
  verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(text))));
}
