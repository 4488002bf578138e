import { X509Certificate } from 'node:crypto';
import { refused } from '../command-error.ts';
import { whatServes } from '../deployments.ts';
import { EXIT_CODE } from '../exit-code.ts';

/** `edge-train deployments certificate MODEL`: the PEM to trust when the model is asked, as the site has it on record. */
export async function tellCertificate(model: string, options: { site?: string; config?: string }): Promise<number> {
  const found = (await whatServes(options)).filter((each) => each.model === model && !('to' in each));
  const [pem, more] = found.flatMap((each) => ('certificate' in each && each.certificate ? [each.certificate] : []));
  if (pem === undefined) throw none(model, 'does not serve at an https address of a site');
  if (more !== undefined) throw none(model, 'serves at several sites: name one with --site');
  process.stdout.write(pem);
  process.stderr.write(`SHA-256 of it: ${new X509Certificate(pem).fingerprint256}\n`);
  return EXIT_CODE.done;
}

const none = (model: string, rule: string) =>
  refused(
    'There is no certificate to tell.',
    [{ path: 'MODEL', rule, value: JSON.stringify(model) }],
    '`edge-train deployments list` says what serves, and where.',
  );
