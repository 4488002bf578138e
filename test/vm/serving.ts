import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { call } from './jobs.ts';
import type { TestMachine } from './vm.ts';

const run = promisify(execFile);
const serving = join(import.meta.dirname, '..', '..', '.tools', 'images', 'serving.tar');
const script = (name: string) => readFileSync(join(import.meta.dirname, name), 'utf8');

/** What the worker writes beside an image before it is sealed. */
export const IMAGE_FILE = JSON.stringify({
  variables: { PATH: '/usr/bin:/bin', FLAVOUR: 'image' },
  entrypoint: ['python3', '/opt/model-server.py'],
  command: ['5001'],
  workingDirectory: '/opt',
  port: 5001,
});

/** Puts the stand-in server into an image that is being unpacked, in the folder that the launcher gave. */
export async function putServer(machine: TestMachine, folder: string): Promise<void> {
  const put = async (path: string, input: string) => {
    const { code, stderr } = await machine.exec(['sh', '-c', `cat >${path}`], { input, user: 'edge-train' });
    if (code !== 0) throw new Error(stderr);
  };
  await put(`${folder}/tree/opt/model-server.py`, script('model-server.py'));
  await put(`${folder}/tree/opt/probe.py`, script('probe.py'));
  await put(`${folder}/image.json`, IMAGE_FILE);
}

/** What answers at a port of the VM's loopback, or on a service's own socket; throws where nobody does. */
export async function get(
  machine: TestMachine,
  place: number | string,
  path = '/',
  user = 'root',
): Promise<Record<string, unknown>> {
  const connect =
    typeof place === 'number'
      ? `c = http.client.HTTPConnection("127.0.0.1", ${place}, timeout=30)`
      : `c = http.client.HTTPConnection("localhost"); c.sock = socket.socket(socket.AF_UNIX); c.sock.connect("${place}")`;
  const lines = ['import http.client, socket', connect, `c.request("GET", ${JSON.stringify(path)})`];
  const ask = [...lines, 'print(c.getresponse().read().decode())'].join('\n');
  const { code, stdout, stderr } = await machine.exec(['python3', '-I', '-c', ask], { user });
  if (code !== 0) throw new Error(stderr.trim().split('\n').at(-1));
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** What the worker does: unpacks in the folder that it is given. Here by the VM's own tar, from an image's root file system. */
export async function unpack(machine: TestMachine, digest: string, then: string): Promise<void> {
  await run('docker', ['cp', serving, `${machine.container}:/var/tmp/image.tar`]);
  const { path } = await call<{ path: string }>(machine, { verb: 'image', digest });
  const unpack =
    "import tarfile; t = tarfile.open('/var/tmp/image.tar'); t.extractall('.', [m for m in t if m.isreg() or m.isdir() or m.issym() or m.islnk()])";
  await machine.sh(`set -e; mkdir ${path}/tree; cd ${path}/tree; python3 -c "${unpack}"; chmod -R u+w .; ${then}`, {
    user: 'edge-train',
  });
}
