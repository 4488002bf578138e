import { createHash } from 'node:crypto';
import type { Artifact } from '../../domain/release.ts';
import type { BlockBlob } from '../../services/blob-storage.ts';
import { ServiceError } from '../../services/errors.ts';
import { sha256 } from '../../services/signing.ts';
import { openRegular } from './output-files.ts';

/** Up to here a file is one request; above, blocks and the list of them. */
const BLOCK = 8 * 2 ** 20;

/**
 * Sends a file whose size and digest are known. The blob appears only after its last byte was hashed and the digest is
 * right, so a file that has changed leaves nothing. Sending again is the same blob again. @throws ServiceError `ArtifactChanged`
 */
export async function sendFile(
  path: string,
  expected: Artifact,
  blob: BlockBlob,
  progress: (sent: number) => void = () => {},
): Promise<void> {
  const file = await openRegular(path);
  try {
    if ((await file.stat()).size !== expected.bytes) throw changed(expected);
    if (expected.bytes <= BLOCK) {
      const content = await file.readFile();
      if (sha256(content) !== expected.sha256) throw changed(expected);
      await blob.upload(content, content.length);
      return;
    }
    const hash = createHash('sha256');
    const blocks: string[] = [];
    let sent = 0;
    for (;;) {
      const block = Buffer.alloc(BLOCK);
      const { bytesRead } = await file.read(block, 0, BLOCK, sent);
      if (bytesRead === 0) break;
      hash.update(block.subarray(0, bytesRead));
      const id = Buffer.from(String(blocks.length).padStart(8, '0')).toString('base64');
      await blob.stageBlock(id, block.subarray(0, bytesRead), bytesRead);
      blocks.push(id);
      sent += bytesRead;
      progress(sent);
    }
    if (hash.digest('hex') !== expected.sha256) throw changed(expected);
    await blob.commitBlockList(blocks);
  } finally {
    await file.close();
  }
}

const changed = ({ path }: Artifact) =>
  new ServiceError({
    class: 'policy',
    type: 'ArtifactChanged',
    cause: `${path} is not what was inspected: its size or digest has changed. Nothing of it was released.`,
    nextStep: 'Start the run again, and find out what on the VM wrote to the job’s folder.',
    retryable: false,
  });
