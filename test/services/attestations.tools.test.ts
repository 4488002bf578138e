import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BILL_OF_MATERIALS_TYPE, PROVENANCE_TYPE, SIGNATURE_TYPE } from '../../domain/statement.ts';
import { BUNDLE_MEDIA_TYPE, RECEIPT_MEDIA_TYPE } from '../../services/image-trust/sigstore-bundle.ts';
import { MODEL_FOLDER } from '../../services/serving-image/model-layer.ts';
import { generateSigningKey } from '../../services/signing.ts';
import { invocations } from '../docs/blocks.ts';
import { refreshToken, TOKEN_USER } from '../cloud/registry-token.ts';
import {
  attachDocuments,
  attest,
  documentsOf,
  flipped,
  pushServingImage,
  readerOf,
  signingKey,
  startRegistry,
  withPayload,
  type Document,
  type TestImage,
  type TestRegistry,
} from './attested-image.ts';

const TOOLS = join(import.meta.dirname, '../../.tools');

for (const referrers of [true, false])
  describe(`other people’s programs, ${referrers ? 'with the referrers API' : 'without it'}`, () => {
    let [at, folder, honest, documents] = [] as unknown as [TestRegistry, string, TestImage, Document[]];
    before(async () => {
      at = await startRegistry({ referrers });
      folder = await mkdtemp(join(tmpdir(), 'edge-train-tools-'));
      const auth = Buffer.from(`${TOKEN_USER}:${await refreshToken(at.registry)}`).toString('base64');
      await writeFile(join(folder, 'config.json'), JSON.stringify({ auths: { [at.registry.loginServer]: { auth } } }));
      await writeFile(join(folder, 'ca.pem'), at.registry.ca ?? '');
      await writeFile(join(folder, 'image.pub'), signingKey.publicKey);
      await writeFile(join(folder, 'other.pub'), generateSigningKey().publicKey);
      honest = await pushServingImage(at, { repository: 'edge-train/honest' });
      await attest(at, honest);
      documents = await documentsOf(at, honest.image);
    });
    after(async () => {
      await at?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    /** Offline: whatever is not this registry is behind a proxy that is not there. */
    const tool = (name: string, ...args: string[]): Promise<{ ok: boolean; output: string; told: string }> =>
      new Promise((resolve) => {
        const env = {
          ...{ HOME: folder, DOCKER_CONFIG: folder, SSL_CERT_FILE: join(folder, 'ca.pem'), PATH: '/usr/bin:/bin' },
          ...{ HTTPS_PROXY: 'http://127.0.0.1:9', HTTP_PROXY: 'http://127.0.0.1:9', NO_PROXY: '127.0.0.1' },
        };
        execFile(join(TOOLS, name), args, { env, maxBuffer: 2 ** 26, timeout: 60_000 }, (error, stdout, stderr) =>
          resolve({ ok: error === null, output: `${stdout}${stderr}`, told: stdout.trim() }),
        );
      });
    const named = ({ image }: TestImage) => `${image.registry}/${image.repository}@${image.digest}`;
    const key = (name: string) => ['--key', join(folder, name), '--insecure-ignore-tlog=true'];
    const verify = (image: TestImage, pem = 'image.pub') => tool('cosign', 'verify', ...key(pem), named(image));
    const verifyType = (type: string, image: TestImage, pem = 'image.pub') =>
      tool('cosign', 'verify-attestation', '--type', type, ...key(pem), named(image));

    it('cosign takes the signature, the provenance and the SBOM, and none by another key', async () => {
      for (const [pem, expected] of [
        ['image.pub', true],
        ['other.pub', false],
      ] as const) {
        const said = [
          await verify(honest, pem),
          await verifyType('slsaprovenance1', honest, pem),
          await verifyType('cyclonedx', honest, pem),
        ];
        for (const { ok, output } of said) assert.equal(ok, expected, output);
      }
    });

    it('the page’s own commands hold', async () => {
      const told = invocations().filter(({ words: [program = ''] }) => ['cosign', 'oras'].includes(program));
      assert.equal(told.length, 4);
      for (const { words } of told) {
        const args = words.slice(1).map((word) => {
          if (word === 'image.pub') return join(folder, word);
          return word.endsWith('@sha256:DIGEST') ? named(honest) : word;
        });
        const { ok, output } = await tool(words[0] ?? '', ...args);
        assert.ok(ok, `${words.join(' ')}: ${output}`);
      }
    });

    it('cosign refuses one changed bit', async () => {
      const changed = (repository: string, types: readonly string[]) =>
        attachedAnew(
          repository,
          documents
            .filter(({ type }) => type !== RECEIPT_MEDIA_TYPE)
            .map((each) => (types.includes(each.type) ? { ...each, text: withPayload(each.text, flipped) } : each)),
        );
      const all = await changed('edge-train/all', [SIGNATURE_TYPE, PROVENANCE_TYPE, BILL_OF_MATERIALS_TYPE]);
      const sbom = await changed('edge-train/sbom', [BILL_OF_MATERIALS_TYPE]);
      const provenance = await changed('edge-train/provenance', [PROVENANCE_TYPE]);
      for (const [what, said, expected] of [
        ['all', await verify(all), false],
        ['SBOM', await verifyType('cyclonedx', sbom), false],
        ['beside the SBOM', await verifyType('slsaprovenance1', sbom), true],
        ['provenance', await verifyType('slsaprovenance1', provenance), false],
        ['beside the provenance', await verifyType('cyclonedx', provenance), true],
      ] as const)
        assert.equal(said.ok, expected, `${what}: ${said.output}`);
    });

    it('oras finds four documents', async () => {
      const { output } = await tool('oras', 'discover', '--format', 'json', named(honest));
      const { referrers: found } = JSON.parse(output) as { referrers: { artifactType: string }[] };
      assert.deepEqual(
        found.map(({ artifactType }) => artifactType).sort(),
        [BUNDLE_MEDIA_TYPE, BUNDLE_MEDIA_TYPE, BUNDLE_MEDIA_TYPE, RECEIPT_MEDIA_TYPE].sort(),
        output,
      );
    });

    it('crane pulls what we pushed: the same manifest under the tag, a config that fits it, and the files of all layers', async () => {
      const { registry, repository, tag, digest } = honest.image;
      const tagged = `${registry}/${repository}:${tag}`;
      assert.equal((await tool('crane', 'digest', tagged)).told, digest);
      const ours = await readerOf(at, repository).manifest(digest);
      assert.equal((await tool('crane', 'manifest', tagged)).told, ours?.content.toString());
      // Fast: without it, layers must be packed with gzip.
      const validated = await tool('crane', 'validate', '--fast', '--remote', named(honest));
      assert.ok(validated.ok, validated.output);
      const exported = await tool('crane', 'export', named(honest), '-');
      assert.ok(exported.ok, exported.output.slice(-1000));
      for (const path of ['usr/lib/os-release', 'opt/edge-train/score.py', `${MODEL_FOLDER}/MLmodel`])
        assert.ok(exported.told.includes(path), path);
    });

    async function attachedAnew(repository: string, attached: readonly Document[]): Promise<TestImage> {
      const pushed = await pushServingImage(at, { repository });
      await attachDocuments(at, pushed.image, attached);
      return pushed;
    }
  });
