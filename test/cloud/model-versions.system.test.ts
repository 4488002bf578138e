import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { codePath, jobId, modelPath, stagingPath } from '../../domain/resource-names.ts';
import type { EnrolledMachine } from '../../domain/virtual-machine.ts';
import { openBlob, openContainer } from '../../services/blob-storage.ts';
import { ServiceError } from '../../services/errors.ts';
import { decisionStatement, type Envelope } from '../../domain/statement.ts';
import {
  canonicalJson,
  generateMachineKey,
  generateSigningKey,
  openSeal,
  sha256,
  signStatement,
} from '../../services/signing.ts';
import {
  evidenceOf,
  modelFiles,
  newJob,
  receiptOf,
  registrationOf,
  stage,
  startCloud,
  type TestCloud,
} from './cloud.ts';

const refusal = (type: string, failureClass: string) => (error: unknown) => {
  assert.ok(error instanceof ServiceError, String(error));
  assert.equal(error.type, type);
  assert.equal(error.class, failureClass);
  assert.notEqual(error.nextStep, '');
  return true;
};

const machine: EnrolledMachine = {
  ...{
    name: 'demo-ds1-v2',
    resourceId: '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/demo-ds1-v2',
  },
  ...{ size: { name: 'Standard_DS1_v2', cores: 1, memoryMiB: 3584 }, privateAddress: '10.20.0.4', created: true },
  ...{
    publicKey: generateMachineKey().publicKey,
    bundle: sha256('a bundle'),
    queue: 'edge-demo',
    bootId: '5e0c7b0c-93f7-4c4b-9ac2-0f2f3b1c8f11',
  },
};
const unattached = { state: 'unattached', name: 'demo-ds1-v2', reason: 'the site never attaches' } as const;

describe('the cloud worker against the sandbox', () => {
  let cloud: TestCloud;
  before(async () => {
    cloud = await startCloud();
  });
  after(async () => cloud?.close());

  const versionsOf = async (model: string) => {
    const found = [];
    const { client, group, name } = cloud.workspace;
    for await (const version of client.modelVersions.list(group, name, model)) found.push(version);
    return found;
  };
  const stagedRegistration = async (model: string) => {
    const files = await modelFiles();
    const evidence = evidenceOf(files, { model });
    await stage(cloud, evidence.plan.job, files);
    return registrationOf(evidence);
  };
  const mlflow = async <T>(path: string, body?: object): Promise<T> => {
    const { mlFlowTrackingUri = '' } = await cloud.workspace.client.workspaces.get(
      cloud.workspace.group,
      cloud.workspace.name,
    );
    const token = await cloud.registry.credential?.getToken('https://management.azure.com/.default');
    const { httpsSender } = await import('../../services/https.ts');
    const response = await httpsSender(cloud.registry.ca)({
      url: `${mlFlowTrackingUri.replace('azureml:', 'https:')}/api/2.0/mlflow/${path}`,
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${token?.token}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
      timeout: 10_000,
    });
    assert.equal(response.status, 200, response.bodyAsText ?? '');
    return JSON.parse(response.bodyAsText ?? '') as T;
  };
  const historyOf = async (runId: string, name: string) => {
    const query = new URLSearchParams({ run_id: runId, metric_key: name });
    return (await mlflow<{ metrics: { step: number; value: number }[] }>(`metrics/get-history?${query}`)).metrics;
  };
  interface Run {
    info: { run_id: string; status: string; end_time?: number };
    data: {
      params?: { key: string; value: string }[];
      metrics?: { key: string; value: number; step: number }[];
      tags: { key: string; value: string }[];
    };
  }
  const runsOf = async (experimentId: string, job: string) =>
    (
      await mlflow<{ runs?: Run[] }>('runs/search', {
        experiment_ids: [experimentId],
        filter: `tags.job = '${job}'`,
        max_results: 50,
      })
    ).runs ?? [];

  it('records one run a job, with the tags, although the answers to both creations are lost', async () => {
    const { plan } = evidenceOf(await modelFiles());
    await cloud.fault({ route: 'POST /mlflow/**/experiments/create', moment: 'after', action: 'drop' });
    await cloud.fault({ route: 'POST /mlflow/**/runs/create', moment: 'after', action: 'drop' });
    const request = { plan, machine, computeTarget: unattached };
    await assert.rejects(cloud.activities.recordRun(request), (error: ServiceError) => error.retryable);
    const run = await cloud.activities.recordRun(request);
    assert.deepEqual(await cloud.activities.recordRun(request), run);

    const [only, ...others] = await runsOf(run.experimentId, plan.job);
    assert.equal(others.length, 0);
    assert.equal(only?.info.run_id, run.runId);
    assert.equal(only?.info.status, 'RUNNING');
    const tags = Object.fromEntries(only?.data.tags.map(({ key, value }) => [key, value]) ?? []);
    assert.equal(tags['job'], plan.job);
    assert.equal(tags['site'], 'demo', 'a user’s tag does not take the place of ours');
    assert.equal(tags['team'], 'oncology');
    assert.equal(tags['mlflow.runName'], 'a small sum');
    assert.equal(tags['edge-train.computeTarget'], 'demo-ds1-v2');
    assert.equal(tags['edge-train.virtualMachine'], 'demo-ds1-v2');
  });

  it('ends a run twice with the effect of once', async () => {
    const { plan } = evidenceOf(await modelFiles());
    const run = await cloud.activities.recordRun({ plan, machine, computeTarget: unattached });
    const metrics = Array.from({ length: 1203 }, (_, i) => ({
      name: `loss/${i}`,
      value: i / 7,
      step: i,
      timestamp: 1_767_261_660_000 + i,
    }));
    const completed = {
      parameters: Object.fromEntries(
        Array.from({ length: 230 }, (_, i) => [`parameter ${i}`, i === 0 ? 'x'.repeat(2000) : String(i)]),
      ),
      metrics: [...metrics, { name: 'not a number', value: null, step: 0, timestamp: 0 }],
      endedAt: '2026-01-01T10:01:00.000Z',
    };
    await cloud.fault({ route: 'POST /mlflow/**/runs/log-batch', moment: 'after', action: 'drop', skip: 2 });
    await assert.rejects(
      cloud.activities.finishRun({ run, status: 'FINISHED', completed }),
      (error: ServiceError) => error.retryable,
    );
    await cloud.activities.finishRun({ run, status: 'FINISHED', completed });
    await cloud.activities.finishRun({ run, status: 'FINISHED', completed });

    const [found] = await runsOf(run.experimentId, plan.job);
    assert.equal(found?.info.status, 'FINISHED');
    assert.equal(Number(found?.info.end_time), Date.parse(completed.endedAt));
    assert.equal(found?.data.params?.length, 230);
    assert.equal(found?.data.params?.find(({ key }) => key === 'parameter 0')?.value.length, 500);
    assert.equal(found?.data.metrics?.length, 1203);
    const history = await cloud.requests(({ method, path }) => method === 'POST' && path.includes('/runs/log-batch'));
    assert.ok(history >= 5 && history <= 6, `${history} batches: what was there is not sent again`);
  });

  it('logs points in order and once, though an answer is lost or the worker killed, and the run’s end adds none of them', async () => {
    const { plan } = evidenceOf(await modelFiles());
    const run = await cloud.activities.recordRun({ plan, machine, computeTarget: unattached });
    const points = Array.from({ length: 1500 }, (_, step) => ({
      name: step % 3 === 0 ? 'val/loss' : 'loss',
      value: 1 / (step + 3),
      step,
      timestamp: 1_767_261_660_000 + step,
    }));
    await cloud.fault({ route: 'POST /mlflow/**/runs/log-batch', moment: 'after', action: 'drop' });
    await assert.rejects(cloud.activities.logMetrics({ run, points }), (error: ServiceError) => error.retryable);
    cloud.attemptIs(2);
    await cloud.activities.logMetrics({ run, points });
    await cloud.activities.logMetrics({ run, points });
    cloud.attemptIs(1);
    const metrics = ['loss', 'val/loss'].map((name) => ({
      ...points.findLast((each) => each.name === name)!,
      timestamp: 2 ** 41,
    }));
    const completed = { parameters: {}, metrics, endedAt: '2026-01-01T10:01:00.000Z' };
    await cloud.activities.finishRun({ run, status: 'FINISHED', completed });

    for (const name of ['loss', 'val/loss'])
      assert.deepEqual(
        (await historyOf(run.runId, name)).map(({ step, value }) => [Number(step), value]),
        points.filter((each) => each.name === name).map(({ step, value }) => [step, value]),
      );
  });

  it('ends a run without results as KILLED', async () => {
    const { plan } = evidenceOf(await modelFiles());
    const run = await cloud.activities.recordRun({ plan, machine, computeTarget: unattached });
    await cloud.activities.finishRun({ run, status: 'KILLED' });
    const [found] = await runsOf(run.experimentId, plan.job);
    assert.equal(found?.info.status, 'KILLED');
  });

  it('registers a job once, whatever is lost on the way, and the next job as version 2', async () => {
    const request = await stagedRegistration('sums');
    await cloud.fault({ route: 'PUT /subscriptions/**/models/sums', moment: 'after', action: 'drop' });
    await assert.rejects(cloud.activities.registerModel(request));
    await cloud.fault({ route: 'PUT /subscriptions/**/models/sums/versions/*', moment: 'after', action: 'drop' });
    await assert.rejects(cloud.activities.registerModel(request));
    const first = await cloud.activities.registerModel(request);
    const again = await cloud.activities.registerModel(request);
    const second = await cloud.activities.registerModel(await stagedRegistration('sums'));

    assert.deepEqual(again, first);
    assert.deepEqual([first.version, second.version], [1, 2]);
    assert.equal((await versionsOf('sums')).length, 2);

    const { evidence, receipt } = request;
    const { plan, release } = evidence;
    const [one] = (await versionsOf('sums')).filter(({ name }) => name === '1');
    assert.equal(one?.properties.modelType, 'mlflow_model');
    assert.equal(one?.properties.jobName, request.run.runId);
    assert.equal(one?.properties.flavors?.['python_function']?.data?.['loader_module'], 'sums');
    assert.match(
      one?.properties.modelUri ?? '',
      new RegExp(`^azureml://subscriptions/.*/datastores/edge_train_models/paths/models/sums/${plan.job}$`),
    );
    const expected = {
      job: plan.job,
      site: 'demo',
      receipt: receipt.digest,
      release: release.digest,
      data: evidence.inputs.data.rootDigest,
      team: 'oncology',
      workflow: plan.workflowId,
    };
    for (const [key, value] of Object.entries(expected)) assert.equal(one?.properties.tags?.[key], value, key);

    const models = cloud.release.container('edge-train-models');
    for (const { path, sha256: digest } of release.artifacts)
      assert.equal(sha256(await models.getBlobClient(modelPath('sums', plan.job, path)).downloadToBuffer()), digest);
    const kept = await models.getBlobClient(`${modelPath('sums', plan.job)}.receipt.json`).downloadToBuffer();
    assert.equal(sha256(kept), receipt.digest);
    const staging = cloud.release.container('edge-train-staging');
    assert.equal(
      await staging.getBlobClient(stagingPath(plan.job, 'MLmodel')).exists(),
      false,
      'nothing stays in staging',
    );
  });

  it('removes what was released for a version that will not be, and nothing of one that is', async () => {
    const [made, broken] = [await stagedRegistration('taken-back'), await stagedRegistration('taken-back')];
    const withdraw = ({ holder }: typeof made) => cloud.activities.discardRelease({ holder, model: 'taken-back' });
    const blobsOf = async ({ evidence: { plan } }: typeof made) => {
      const found: string[] = [];
      for (const container of ['edge-train-staging', 'edge-train-models'])
        for await (const { name } of cloud.release.container(container).listBlobsFlat({ includeUncommitedBlobs: true }))
          if (name.includes(plan.job)) found.push(name);
      return found;
    };
    const begun = stagingPath(broken.evidence.plan.job, 'begun');
    await cloud.release.container('edge-train-staging').getBlockBlobClient(begun).stageBlock('MDAw', 'half', 4);
    await cloud.activities.registerModel(made);
    await cloud.fault({ route: 'PUT /subscriptions/**/models/*/versions/*', moment: 'before', action: 'drop' });
    await assert.rejects(cloud.activities.registerModel(broken));
    const [kept, half] = [await blobsOf(made), await blobsOf(broken)];
    assert.ok(kept.some((name) => name.endsWith('.receipt.json')) && half.includes(begun), half.join(' '));

    assert.equal(await withdraw(made), 'registered');
    assert.equal(await withdraw(broken), 'discarded');
    assert.equal(await withdraw(broken), 'discarded', 'twice is once');
    assert.deepEqual([await blobsOf(made), await blobsOf(broken)], [kept, []]);
    assert.equal((await versionsOf('taken-back')).length, 1);
  });

  it('registers nothing when an artifact is not what was released', async () => {
    const request = await stagedRegistration('tampered');
    const blob = cloud.release
      .container('edge-train-staging')
      .getBlockBlobClient(stagingPath(request.evidence.plan.job, 'code/sums.py'));
    const original = await blob.downloadToBuffer();
    const forged = Buffer.from(original);
    forged[0] = forged[0]! ^ 1;
    await blob.upload(forged, forged.length);
    await assert.rejects(cloud.activities.registerModel(request), refusal('ArtifactDiffers', 'data'));
    const models = cloud.release.container('edge-train-models');
    assert.equal(
      await models.getBlobClient(modelPath('tampered', request.evidence.plan.job, 'code/sums.py')).exists(),
      false,
    );
    await assert.rejects(versionsOf('tampered'), { statusCode: 404 });
  });

  it('registers nothing without the site’s own receipt over this very run', async () => {
    const request = await stagedRegistration('forged');
    const { evidence } = request;
    const other = evidenceOf(await modelFiles(), { model: 'forged', job: newJob() });
    const withReceipt = (receipt: typeof request.receipt) => cloud.activities.registerModel({ ...request, receipt });

    await assert.rejects(
      withReceipt(receiptOf(evidence, { key: generateSigningKey().privateKey })),
      refusal('SignatureInvalid', 'policy'),
    );
    await assert.rejects(withReceipt(receiptOf(other)), refusal('ReceiptRefused', 'policy'));
    await assert.rejects(
      withReceipt({ ...request.receipt, digest: sha256('another') }),
      refusal('ReceiptRefused', 'policy'),
    );
    const cut = { ...evidence, release: { ...evidence.release, artifacts: evidence.release.artifacts.slice(1) } };
    await assert.rejects(
      cloud.activities.registerModel({ ...request, evidence: cut }),
      refusal('ReceiptRefused', 'policy'),
    );
    const elsewhere = { ...evidence, plan: { ...evidence.plan, site: 'nowhere' } };
    await assert.rejects(
      cloud.activities.registerModel({ ...request, evidence: elsewhere }),
      refusal('ReceiptRefused', 'policy'),
    );
    const moreData = { ...evidence, inputs: { ...evidence.inputs, data: { ...evidence.inputs.data, files: 2 } } };
    await assert.rejects(
      cloud.activities.registerModel({ ...request, evidence: moreData }),
      refusal('ReceiptRefused', 'policy'),
    );
    await assert.rejects(versionsOf('forged'), { statusCode: 404 });
  });

  it('refuses a model name that is tagged with another site', async () => {
    const { client, group, name } = cloud.workspace;
    await client.modelContainers.createOrUpdate(group, name, 'theirs', { properties: { tags: { site: 'elsewhere' } } });
    await assert.rejects(
      cloud.activities.registerModel(await stagedRegistration('theirs')),
      refusal('ModelOfAnotherSite', 'policy'),
    );
  });

  it('takes over a model that nobody tagged, and passes by the versions that people made', async () => {
    const { client, group, name } = cloud.workspace;
    await client.modelContainers.createOrUpdate(group, name, 'older', {
      properties: { tags: { owner: 'ada' }, description: 'by hand' },
    });
    await client.modelVersions.createOrUpdate(group, name, 'older', '7', {
      properties: { modelUri: 'https://example.org/model', modelType: 'custom_model' },
    });
    const version = await cloud.activities.registerModel(await stagedRegistration('older'));
    assert.equal(version.version, 8);
    const container = await client.modelContainers.get(group, name, 'older');
    assert.deepEqual(container.properties.tags, { owner: 'ada', site: 'demo' });
    assert.equal(container.properties.description, 'by hand');
  });

  it('grants the code to one VM for reading, and each artifact for writing alone', async () => {
    const { privateKey, publicKey } = generateMachineKey();
    const content = Buffer.from('an archive');
    const code = { digest: sha256(content), bytes: content.length, files: 1 };
    const { plan } = evidenceOf(await modelFiles(), { code });
    await assert.rejects(cloud.activities.grantCode({ plan, machineKey: publicKey }), refusal('CodeMissing', 'input'));
    const codes = cloud.release.container('edge-train-code');
    await codes.createIfNotExists();
    await codes.getBlockBlobClient(codePath(code.digest)).upload(content, content.length);

    const sealed = await cloud.activities.grantCode({ plan, machineKey: publicKey });
    const { url } = (await openSeal(sealed.jwe, privateKey)) as { url: string };
    const connection = { ca: cloud.registry.ca };
    assert.deepEqual(await openBlob(url, connection).downloadToBuffer(), content);
    await assert.rejects(openBlob(url, connection).upload('x', 1), { statusCode: 403 });
    await assert.rejects(openSeal(sealed.jwe, generateMachineKey().privateKey), refusal('SealBroken', 'policy'));
    assert.ok(Date.parse(sealed.expires) - Date.now() <= 3_600_000);

    const files = await modelFiles();
    const evidence = evidenceOf(files);
    const { bytes: _, ...inspection } = evidence.release;
    const { artifacts } = inspection;
    const grant = await cloud.activities.grantArtifacts({
      plan,
      inspection,
      machineKey: publicKey,
    });
    const { urls } = (await openSeal(grant.jwe, privateKey)) as { urls: { path: string; url: string }[] };
    assert.deepEqual(
      urls.map(({ path }) => path),
      artifacts.map(({ path }) => path),
    );
    const [first, second] = urls.map(({ url }) => new URL(url));
    assert.ok(first && second);
    const blob = openBlob(first.href, connection);
    await blob.upload('model', 5);
    const at = (pathname: string) => Object.assign(new URL(first), { pathname }).href;
    const [, account = '', staging = ''] = first.pathname.split('/');
    const container = (name: string) => openContainer(at(`/${account}/${name}`), connection);
    await openBlob(second.href, connection).upload('another', 7);
    const neighbour = openBlob(at(second.pathname), connection);
    const refused: Record<string, () => Promise<unknown>> = {
      'read its own blob': () => blob.downloadToBuffer(),
      'look whether it is there': () => blob.getProperties(),
      'read its tags': () => blob.getTags(),
      'list its blocks': () => blob.getBlockList('all'),
      'delete it': () => blob.delete(),
      'write the blob beside it': () => neighbour.upload('x', 1),
      'read the blob beside it': () => neighbour.downloadToBuffer(),
      'write a blob of another name': () => openBlob(at(`${first.pathname}2`), connection).upload('x', 1),
      'list the container': () => container(staging).listBlobsFlat().next(),
      'look at the container': () => container(staging).getProperties(),
      'delete the container': () => container(staging).delete(),
      'list where models are': () => container('edge-train-models').listBlobsFlat().next(),
      'write where models are': () => container('edge-train-models').getBlockBlobClient('x').upload('x', 1),
    };
    for (const [what, attempt] of Object.entries(refused)) await assert.rejects(attempt(), { statusCode: 403 }, what);
    const listed = [];
    for await (const { name } of cloud.release.container(staging).listBlobsFlat({ prefix: `staging/${plan.job}/` }))
      listed.push(name);
    assert.equal(listed.length, 2, 'what was written is there, and listed to who may list');
    const history = canonicalJson([sealed, grant]);
    assert.ok(!history.includes('sig='), 'no signature is in what Temporal keeps');
  });

  it('grants no place for an artifact before an approver whom cloud.yml names has signed', async () => {
    const [ana, machineKey] = [generateSigningKey(), generateMachineKey().publicKey];
    await cloud.configure((file) => {
      file['sites'] = {
        demo: { ...(file['sites']?.['demo'] as object), approval: { approvers: { ana: ana.publicKey } } },
      };
    });
    try {
      const {
        plan,
        release: { bytes: _, ...inspection },
      } = evidenceOf(await modelFiles());
      const { artifacts, digest } = inspection;
      const grant = (approval?: Envelope) =>
        cloud.activities.grantArtifacts({ plan, inspection, machineKey, ...(approval ? { approval } : {}) });
      const decided = (decision: 'approve' | 'reject', by = ana, job = plan.job) => {
        const { site, workflowId } = plan;
        const said = { ...{ job, site, workflowId, decision, reason: 'seen', by: 'ana' }, release: digest };
        const predicate = { ...said, decidedAt: '2026-01-02T03:04:05.000Z' };
        return signStatement(decisionStatement(predicate, artifacts), by.privateKey);
      };
      await assert.rejects(grant(), refusal('ApprovalMissing', 'policy'));
      await assert.rejects(grant({ ...decided('approve'), signatures: [] }), refusal('ApprovalRefused', 'policy'));
      await assert.rejects(grant(decided('approve', generateSigningKey())), refusal('SignatureInvalid', 'policy'));
      await assert.rejects(grant(decided('approve', ana, newJob())), refusal('ApprovalRefused', 'policy'));
      await assert.rejects(grant(decided('reject')), refusal('ReleaseRejected', 'policy'));
      assert.equal((await grant(decided('approve'))).kind, 'artifacts');
    } finally {
      await cloud.configure(() => {});
    }
  });

  it('registers the code as an asset named by its digest, once', async () => {
    const code = { digest: sha256('some code'), bytes: 9, files: 1 };
    const { plan } = evidenceOf(await modelFiles(), { code });
    const run = await cloud.activities.recordRun({ plan, machine, computeTarget: unattached });
    await cloud.activities.recordRun({ plan: { ...plan, job: newJob() }, machine, computeTarget: unattached });
    const { client, group, name } = cloud.workspace;
    const asset = await client.codeVersions.get(group, name, `edge-train-${code.digest.slice(0, 32)}`, '1');
    assert.ok(asset.properties.codeUri?.endsWith(`/edge-train-code/${codePath(code.digest)}`));
    const [found] = await runsOf(run.experimentId, plan.job);
    assert.equal(found?.data.tags.find(({ key }) => key === 'edge-train.code')?.value, asset.id);
  });

  it('says why Azure ML could not attach a VM, leaves nothing after detaching, and never shows the key', async () => {
    const request = { machine, name: 'demo-ds1-v2', address: '203.0.113.200' };
    assert.equal(await cloud.activities.findComputeTarget(request), null);
    await assert.rejects(cloud.activities.attachComputeTarget(request), (error: unknown) => {
      refusal('AttachFailed', 'network')(error);
      assert.match((error as Error).message, /ConnectionFailed/);
      assert.doesNotMatch((error as Error).message, /PRIVATE KEY/);
      return true;
    });
    assert.equal(await cloud.activities.findComputeTarget(request), null, 'a failed one is none');
    await assert.rejects(
      cloud.activities.attachComputeTarget({
        ...request,
        machine: { ...machine, resourceId: `${machine.resourceId}-other` },
      }),
      refusal('ComputeTargetTaken', 'policy'),
    );
    await cloud.activities.detachComputeTarget('demo-ds1-v2');
    await cloud.activities.detachComputeTarget('demo-ds1-v2');
    const { client, group, name } = cloud.workspace;
    await assert.rejects(client.computeOperations.get(group, name, 'demo-ds1-v2'), { statusCode: 404 });
  });

  it('names the file, the member and what to do when cloud.yml is wrong, and never a secret', async () => {
    const { plan } = evidenceOf(await modelFiles());
    const request = { plan, machine, computeTarget: unattached };
    await cloud.configure((file) => (file['azure'] = { ...file['azure'], tenat: 'x' }));
    await assert.rejects(
      cloud.activities.recordRun(request),
      /cloud\.yml: azure\.tenat: unknown key; did you mean tenant/,
    );
    const wrong = `${cloud.directory}/wrong-secret`;
    const { writeFile } = await import('node:fs/promises');
    await writeFile(wrong, 'not-the-client-secret', { mode: 0o600 });
    await cloud.configure((file) => (file['azure'] = { ...file['azure'], clientSecret: `file:${wrong}` }));
    await assert.rejects(cloud.activities.recordRun(request), (error: unknown) => {
      refusal('CredentialRefused', 'policy')(error);
      assert.doesNotMatch((error as Error).message, /not-the-client-secret/);
      return true;
    });
    await cloud.configure(() => {});
    assert.ok((await cloud.activities.recordRun(request)).runId);
  });

  it('signals the VM’s and the model’s workflow with start, on the cloud’s queue', async () => {
    const request = await stagedRegistration('signalled');
    const { holder } = request;
    const lease = { holder, machine: request.evidence.plan.virtualMachine };
    await cloud.activities.leaseVirtualMachine(lease);
    await cloud.activities.returnVirtualMachine({ machine: 'demo-ds1-v2', holder, clean: true, after: 'keep' });
    await cloud.activities.requestRegistration(request);
    const signals = async (workflowId: string) => {
      const handle = cloud.client.workflow.getHandle(workflowId);
      const { events } = await handle.fetchHistory();
      const description = await handle.describe();
      assert.equal(description.taskQueue, 'edge-train');
      return {
        type: description.type,
        signals: events?.flatMap(({ workflowExecutionSignaledEventAttributes: it }) => (it ? [it.signalName] : [])),
      };
    };
    assert.deepEqual(await signals('vm-demo-ds1-v2'), {
      type: 'virtualMachine',
      signals: ['requestLease', 'returnLease'],
    });
    assert.deepEqual(await signals('model-signalled'), { type: 'model', signals: ['requestRegistration'] });
  });

  it('knows whether a holder’s run is open: terminated, started anew, never known', async () => {
    const start = (workflowId: string) =>
      cloud.client.workflow.start('trainModel', { workflowId, taskQueue: 'nobody-polls', args: [{}] });
    const first = await start('train-holder');
    const holder = {
      workflowId: 'train-holder',
      runId: first.firstExecutionRunId,
      job: jobId(sha256, 'train-holder', first.firstExecutionRunId),
    };
    assert.equal(await cloud.activities.describeHolder(holder), 'open');
    await first.terminate('a test ends it');
    assert.equal(await cloud.activities.describeHolder(holder), 'closed');
    await start('train-holder');
    assert.equal(await cloud.activities.describeHolder(holder), 'closed', 'a new start is another job');
    assert.equal(await cloud.activities.describeHolder({ ...holder, workflowId: 'train-unknown' }), 'closed');
  });

  it('counts a reset of the holder’s run as the same job, which is still open', async () => {
    const { workflowService } = cloud.client.workflow;
    const namespace = cloud.sandbox.info.temporal.namespace;
    const taskQueue = { name: 'answered-by-hand' };
    const [workflowId, original] = ['train-reset', await startByHand()];
    async function startByHand() {
      const handle = await cloud.client.workflow.start('trainModel', {
        workflowId: 'train-reset',
        taskQueue: taskQueue.name,
        args: [{}],
      });
      // One finished workflow task is what a reset goes back to.
      const task = await cloud.client.withDeadline(Date.now() + 20_000, () =>
        workflowService.pollWorkflowTaskQueue({ namespace, taskQueue, identity: 'test' }),
      );
      await workflowService.respondWorkflowTaskCompleted({
        namespace,
        taskToken: task.taskToken,
        commands: [],
        identity: 'test',
      });
      return handle.firstExecutionRunId;
    }
    const holder = { workflowId, runId: original, job: jobId(sha256, workflowId, original) };
    const { runId } = await workflowService.resetWorkflowExecution({
      ...{ namespace, reason: 'a test resets it', requestId: newJob(), workflowTaskFinishEventId: 4 as never },
      workflowExecution: { workflowId, runId: original },
    });
    assert.notEqual(runId, original);
    assert.equal(await cloud.activities.describeHolder(holder), 'open');
    assert.equal(
      await cloud.activities.describeHolder({ ...holder, job: newJob() }),
      'closed',
      'another job’s run is not ours',
    );
    await cloud.client.workflow.getHandle(workflowId, runId).terminate('a test ends it');
    assert.equal(await cloud.activities.describeHolder(holder), 'closed');
  });
});
