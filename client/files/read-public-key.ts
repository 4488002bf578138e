import { signingKeyId } from '../../services/signing.ts';
import { refused } from '../command-error.ts';
import { readText } from './read-text.ts';

/** An SPKI PEM from a file; `option` names it in what is told. @throws CommandError exit 2 */
export async function readPublicKey(file: string, option: string, nextStep: string): Promise<string> {
  const pem = await readText(file);
  try {
    if (!pem.includes('-----BEGIN PUBLIC KEY-----')) throw new Error('another PEM, or a private key');
    signingKeyId(pem);
    return pem;
  } catch {
    const fault = { path: option, rule: 'must be a file with a P-256 public key, SPKI PEM' };
    throw refused('The key cannot be used.', [fault], nextStep);
  }
}
