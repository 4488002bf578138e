import type { z } from 'zod';
import { Failure } from '../server/errors.ts';
import type { virtualMachine } from './compute-bodies.ts';

type OsProfile = z.infer<typeof virtualMachine>['properties']['osProfile'];

const bannedUsers =
  'administrator admin user user1 test user2 test1 user3 admin1 1 123 a actuser adm admin2 aspnet backup console david guest john owner root server sql support support_388945a0 sys test2 test3 user4 user5'.split(
    ' ',
  );
const bannedPasswords = [
  'abc@123',
  'P@$$w0rd',
  'P@ssw0rd',
  'P@ssword123',
  'Pa$$word',
  'pass@word1',
  'Password!',
  'Password1',
  'Password22',
  'iloveyou!',
];

/** The rules of `OSProfile` for Linux that Compute documents. @throws Failure 400 InvalidParameter */
export function checkOsProfile({ adminUsername, adminPassword, linuxConfiguration }: OsProfile): void {
  if (bannedUsers.includes(adminUsername.toLowerCase())) {
    throw invalid('adminUsername', 'The Admin Username specified is not allowed.');
  }
  if (!/^[a-z_][a-z0-9_-]*$/i.test(adminUsername))
    throw invalid('adminUsername', 'The Admin Username contains characters that are not allowed.');
  const keys = linuxConfiguration?.ssh?.publicKeys ?? [];
  const keysOnly = linuxConfiguration?.disablePasswordAuthentication === true;
  if (keysOnly && keys.length === 0) {
    throw invalid(
      'linuxConfiguration',
      'Authentication using either SSH or by user name and password must be enabled in Linux profile.',
    );
  }
  if (keysOnly && adminPassword !== undefined) {
    throw invalid(
      'adminPassword',
      "The property 'adminPassword' is not valid because 'disablePasswordAuthentication' is true.",
    );
  }
  if (!keysOnly) checkPassword(adminPassword);
  for (const { path, keyData } of keys) {
    const home = `/home/${adminUsername}/.ssh/authorized_keys`;
    if (path !== undefined && path !== home)
      throw invalid(
        'linuxConfiguration.ssh.publicKeys.path',
        `Destination path for SSH public keys is currently limited to its default value ${home} due to a known issue in Linux provisioning agent.`,
      );
    if (!isLongRsaKey(keyData))
      throw invalid(
        'linuxConfiguration.ssh.publicKeys.keyData',
        'The value of parameter linuxConfiguration.ssh.publicKeys.keyData is invalid: this version supports SSH-2 RSA public keys with a minimum length of 2048 bits.',
      );
  }
}

function checkPassword(password: string | undefined): void {
  if (password === undefined) throw invalid('adminPassword', "Required parameter 'adminPassword' is missing (null).");
  const classes = [/[a-z]/, /[A-Z]/, /\d/, /[\W_]/].filter((each) => each.test(password)).length;
  if (password.length >= 6 && password.length <= 72 && classes >= 3 && !bannedPasswords.includes(password)) return;
  throw invalid(
    'adminPassword',
    'The supplied password must be between 6-72 characters long and must satisfy at least 3 of password complexity requirements from the following: 1) Contains an uppercase character 2) Contains a lowercase character 3) Contains a numeric digit 4) Contains a special character 5) Control characters are not allowed; and must not be a banned one.',
  );
}

/** An OpenSSH public key line: type, then base64 of length-prefixed "ssh-rsa", exponent, modulus. */
function isLongRsaKey(line: string): boolean {
  const [type, base64] = line.trim().split(/\s+/);
  if (type !== 'ssh-rsa' || !base64) return false;
  const bytes = Buffer.from(base64, 'base64');
  const fields: Buffer[] = [];
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = bytes.readUInt32BE(at);
    fields.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  const modulus = fields[2];
  return fields[0]?.toString() === 'ssh-rsa' && modulus !== undefined && modulus.length >= 256;
}

function invalid(target: string, message: string): Failure {
  return new Failure(400, 'InvalidParameter', message, { target });
}
