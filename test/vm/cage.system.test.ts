import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { JobStatus } from '../../services/systemd.ts';
import {
  call,
  createJob,
  LIMITS,
  newJob,
  runJob,
  runToEnd,
  start,
  steps,
  type LauncherError,
  type Step,
} from './jobs.ts';
import { bootMachine, NO_ENVIRONMENT, type TestMachine } from './vm.ts';

const script = (name: string) => readFile(join(import.meta.dirname, name), 'utf8');
const JOBS = '/var/lib/edge-train/jobs';
const UNIT = '/etc/systemd/system/edge-train-job@.service';

/** Puts a Python program where the job's code is, as the worker does. */
async function putSource(machine: TestMachine, path: string, name: string, content: string): Promise<void> {
  await machine.exec(['sh', '-c', `cat >${path}/source/${name}`], { input: content, user: 'edge-train' });
}

const SHUT = ['EPERM', 'EACCES', 'EROFS', 'EAFNOSUPPORT', 'ENETUNREACH', 'ENOENT', 'EAI', 'ECONNREFUSED'];
/** By what this kernel has, and by what a container leaves to its root. */
const NOT_PROVABLE = [
  ...['dns', 'vsock', 'crypto', 'tun', 'add_key', 'io_uring', 'unshare user', 'userfaultfd', 'perf_event', 'bpf'],
  ...['core_pattern', 'sysrq', 'kcore', 'kmsg', 'mem', 'fuse', 'cgroup', 'priority'],
];

describe('the cage on a VM', () => {
  let machine: TestMachine;
  before(async () => void (machine = await bootMachine()), { timeout: 300_000 });
  after(() => machine?.remove(), { timeout: 120_000 });

  it('runs a command with its variables, a writable copy of its code, and the folders that Azure ML jobs expect', async () => {
    const job = newJob();
    const path = await createJob(
      machine,
      job,
      'cat here.txt; echo "$GREETING"; echo changed >here.txt; echo a >outputs/a; echo b >/job/outputs/default/b;' +
        ' echo m >/job/outputs/model/m; echo t >"$TMPDIR/t"; echo h >~/h; ls outputs; python3 -c "import getpass; print(getpass.getuser())"',
    );
    await putSource(machine, path, 'here.txt', 'from the code\n');
    const { status, log } = await runToEnd(machine, job);
    assert.equal(status.result?.cage.finished?.exit, 0);
    assert.equal(log, 'from the code\nhello\na\nb\njob\n');
    assert.equal(await machine.sh(`cat ${path}/source/here.txt`), 'from the code\n', 'the code itself is untouched');
    assert.equal(
      await machine.sh(`cat ${path}/work/outputs/* ${path}/outputs/model/m`, { user: 'edge-train' }),
      'a\nb\nm\n',
    );
  });

  it('records truthfully how a script ends', async () => {
    const cases: [string, string, Partial<typeof LIMITS>, Partial<JobStatus['result']>][] = [
      ['exit 3', 'a failure', {}, { serviceResult: 'exit-code', exitCode: 'exited', exitStatus: '3' }],
      ['exit 77', 'the code that the helper itself uses', {}, { exitStatus: '77', serviceResult: 'exit-code' }],
      ['kill -SEGV $$', 'a signal', {}, { serviceResult: 'signal', exitCode: 'killed', exitStatus: 'SEGV' }],
      ['sleep 60', 'too long', { seconds: 1 }, { serviceResult: 'timeout', exitStatus: 'TERM' }],
      [
        'trap "exit 0" TERM; sleep 60 & wait',
        'a caught TERM',
        { seconds: 1 },
        { serviceResult: 'timeout', exitStatus: 'TERM' },
      ],
      ['kill -9 $PPID; sleep 5', 'a script that kills its keeper', {}, { serviceResult: 'signal', exitStatus: 'KILL' }],
      ['no-such-program', 'a missing program', {}, { exitStatus: '127' }],
    ];
    for (const [command, what, limits, wanted] of cases) {
      const { status } = await runJob(machine, command, limits);
      assert.equal(status.state, 'ended', what);
      assert.deepEqual({ ...status.result, ...wanted }, status.result, what);
      assert.equal(status.result?.cage.refused, undefined, what);
    }
  });

  it('sees that memory ran out, even when only a child was killed and the script says 0', async () => {
    const { status } = await runJob(machine, 'python3 -c "x = bytearray(600 << 20)"; exit 0');
    assert.ok((status.result?.oomKills ?? 0) > 0 || status.result?.serviceResult === 'oom-kill');
  });

  it('holds a fork bomb and a flood of output', async () => {
    const bomb = await runJob(
      machine,
      'python3 -c "\nimport os\nn=0\ntry:\n  while True:\n    if os.fork()==0: os.read(os.pipe()[0],1)\n    n+=1\nexcept OSError as e: print(e.errno, n)"; exit 0',
      { seconds: 30 },
    );
    const [code, forks] = bomb.log.trim().split(/\s+/).map(Number);
    assert.equal(code, 11, 'EAGAIN');
    assert.ok(forks !== undefined && forks < LIMITS.tasks);
    const flood = await runJob(machine, 'yes | head -c 3000000');
    assert.equal(flood.status.result?.cage.finished?.exit, 0, 'the script itself goes on');
    assert.ok(flood.log.length < LIMITS.logBytes + 200, 'the log is cut at the limit');
    assert.match(flood.log, /reached the site's limit/);
  });

  it('lets a script do nothing of what the same script does outside, in more than sixty ways', async (t) => {
    await machine.exec(['sh', '-c', 'cat >/root/listeners.py'], { input: await script('listeners.py') });
    await machine.sh('systemd-run --quiet --unit=edge-train-test-listeners python3 /root/listeners.py');
    try {
      const listeners = JSON.parse(
        await machine.sh(
          'i=0; until [ -s /run/edge-train-test.ports ]; do i=$((i+1)); [ $i -lt 200000 ]; done; cat /run/edge-train-test.ports',
        ),
      ) as object;
      const address = (await machine.sh('hostname -I')).trim().split(' ')[0] ?? '';
      const probe = await script('probe.py');
      const argument = JSON.stringify({ ...listeners, address });

      const job = newJob();
      const path = await createJob(machine, job, `python3 probe.py '${argument}'`);
      await putSource(machine, path, 'probe.py', probe);
      const inside = JSON.parse((await runToEnd(machine, job)).log) as Record<string, string>;
      const outside = JSON.parse((await machine.exec(['python3', '-', argument], { input: probe })).stdout) as Record<
        string,
        string
      >;

      for (const [way, answer] of Object.entries(inside))
        assert.ok(SHUT.includes(answer), `${way} is ${answer} in the cage`);
      assert.ok(Object.keys(inside).length > 60);
      assert.equal(inside['tcp'], 'ENETUNREACH');
      assert.equal(inside['udp'], 'ENETUNREACH');
      assert.equal(inside['unix'], 'ENOENT');
      assert.equal(inside['machine.json'], 'ENOENT');
      assert.ok(['EPERM', 'EAFNOSUPPORT'].includes(inside['vsock'] ?? ''));

      // A VM that is a container, without name service or vsock, cannot show that these would work; everything else must.
      const notProvable = Object.entries(outside).filter(([, answer]) => answer !== 'open');
      for (const [way, answer] of notProvable) t.diagnostic(`not provable here: ${way} (${answer} outside the cage)`);
      assert.deepEqual(
        notProvable.map(([way]) => way).filter((way) => !NOT_PROVABLE.includes(way)),
        [],
      );
      assert.ok(notProvable.length * 3 <= Object.keys(outside).length, 'two thirds work outside');
    } finally {
      await machine.exec(['systemctl', 'stop', 'edge-train-test-listeners']);
      await machine.exec(['rm', '-r', `${JOBS}/${'e'.repeat(20)}`]);
    }
  });

  it('shows data, code and specification read-only', async () => {
    const job = newJob();
    const path = await createJob(
      machine,
      job,
      `for f in /job/inputs/d/x /job/source/s /job/spec/spec.json /job/state/terms.json /edge-train/enter.py /usr/x /x; do (echo no >$f) 2>/dev/null && echo "wrote $f"; done
       (rm /job/inputs/d/x || mv /job/inputs/d /job/inputs/e || chmod 777 /job/inputs/d/x || ln /job/inputs/d/x /job/code/x) 2>&1; cat /job/inputs/d/x`,
    );
    await machine.sh(`mkdir ${path}/inputs/d && echo row >${path}/inputs/d/x && chmod 444 ${path}/inputs/d/x`, {
      user: 'edge-train',
    });
    const { log } = await runToEnd(machine, job);
    assert.doesNotMatch(log, /wrote/);
    assert.equal(
      log.match(/Read-only file system|Invalid cross-device link|Operation not permitted|cannot overwrite/g)?.length,
      4,
      log,
    );
    assert.match(log, /row\n$/);
  });

  it('keeps two jobs from seeing each other', async () => {
    const first = newJob();
    const path = await createJob(
      machine,
      first,
      'echo secret >/job/outputs/model/s; echo secret >/dev/shm/s; echo secret >/tmp/s; sleep 600',
    );
    await start(machine, first);
    const uid = (await machine.sh(`systemctl show -p MainPID --value edge-train-job@${first}`)).trim();
    const { log } = await runJob(
      machine,
      `ls /proc | grep -x ${uid}; cat /proc/${uid}/environ; kill -9 ${uid}; ls ${JOBS}; cat /dev/shm/s /tmp/s; find / -xdev -name s -newer /job/spec/spec.json -type f 2>/dev/null; true`,
    );
    assert.doesNotMatch(log, /secret/);
    assert.doesNotMatch(log, new RegExp(`^${uid}$`, 'm'));
    assert.equal((await call(machine, { verb: 'status', job: first })).state, 'running', 'it could not be killed');
    const stopped = await call(machine, { verb: 'stop', job: first, reason: 'cancelled' });
    assert.deepEqual([stopped.state, stopped.stop], ['ended', 'cancelled']);
    assert.equal(
      await machine.sh(`cat ${path}/outputs/model/s`, { user: 'edge-train' }),
      'secret\n',
      'what it wrote is kept',
    );
  });

  it('starts a job once, however often and by however many it is asked', async () => {
    const job = newJob();
    const path = await createJob(machine, job, 'echo started >>/job/outputs/model/starts; sleep 1');
    await Promise.all(Array.from({ length: 6 }, () => start(machine, job)));
    await steps(machine, ['wait', job], ['call', { verb: 'start', job }]);
    await machine.exec(['systemctl', 'start', `edge-train-job@${job}`]); // even root, past the launcher
    const { status } = await runToEnd(machine, job);
    assert.equal(await machine.sh(`cat ${path}/outputs/model/starts`), 'started\n');
    assert.deepEqual([status.starts, status.result?.cage.finished?.exit], [1, 0], 'and its record is the first one');
  });

  it(
    'goes on after a reboot, at most three times in all, with what was written kept',
    { timeout: 300_000 },
    async () => {
      const job = newJob();
      const path = await createJob(machine, job, 'echo start >>checkpoint; sync; cat checkpoint; sleep 600');
      const boots = new Set<string>();
      for (let boot = 1; boot <= 3; boot++) {
        const status = await start(machine, job);
        assert.deepEqual([status.state, status.starts], ['running', boot]);
        await machine.sh(
          `i=0; until [ "$(wc -l <${path}/work/checkpoint)" -ge ${boot} ]; do i=$((i+1)); [ $i -lt 100000 ]; done`,
        );
        boots.add(await machine.sh('cat /run/edge-train/boot-id'));
        await machine.stop();
        await machine.start();
        assert.equal((await call(machine, { verb: 'status', job })).state, 'interrupted');
      }
      assert.equal(boots.size, 3, 'every boot has an id of its own');
      const last = await start(machine, job);
      assert.deepEqual([last.state, last.starts], ['interrupted', 3]);
      assert.equal(await machine.sh(`cat ${path}/work/checkpoint`), 'start\nstart\nstart\n');
    },
  );

  it('says what it is made of, by digest, and what was tried before the script started', async () => {
    const { status } = await runJob(machine, 'true');
    const files = status.files ?? {};
    const paths = Object.keys(files);
    const dropIn = paths.filter((path) =>
      /^\/run\/systemd\/system\/edge-train-job@\w{20}\.service\.d\/terms\.conf$/.test(path),
    );
    assert.equal(dropIn.length, 1, paths.join());
    const helpers = ['claim', 'check', 'enter', 'record', 'launcher', 'jobs'].map(
      (name) => `/opt/edge-train/cage/${name}.py`,
    );
    for (const path of [UNIT, ...dropIn, ...helpers])
      assert.equal(files[path], (await machine.sh(`sha256sum ${path}`)).split(' ')[0], path);
    const tried = status.result?.cage.tried ?? [];
    for (const name of [
      'network interfaces',
      'socket(AF_VSOCK)',
      'io_uring_setup',
      'personality',
      'ipc namespace',
      '/etc/shadow',
    ])
      assert.ok(tried.includes(name), `${name} of ${tried.join()}`);
    assert.equal(new Set(tried).size, tried.length);

    await machine.sh(`echo '# another' >>${UNIT}`); // not read by systemd yet
    try {
      const changed = (await runJob(machine, 'true')).status.files?.[UNIT];
      assert.equal(changed, (await machine.sh(`sha256sum ${UNIT}`)).split(' ')[0]);
      assert.notEqual(changed, files[UNIT]);
    } finally {
      await machine.sh(`sed -i '$d' ${UNIT} && systemctl daemon-reload`);
    }
  });

  it('refuses to start a script when a directive is misspelt or gone', async () => {
    const unit = await machine.sh(`cat ${UNIT}`);
    const openings: [string, string, RegExp][] = [
      ['PrivateNetwork=yes', 'PrivatNetwork=yes', /network interfaces/],
      ['RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6', '', /AF_VSOCK|AF_NETLINK/],
      [
        'BindReadOnlyPaths=/var/lib/edge-train/jobs/%i/inputs:/job/inputs',
        'BindPaths=/var/lib/edge-train/jobs/%i/inputs:/job/inputs\nReadWritePaths=/job/inputs',
        /\/job\/inputs is writable/,
      ],
      ['PrivateDevices=yes', 'BindPaths=/etc:/etc', /\/etc holds/],
      ['PrivateIPC=yes', '', /the ipc namespace is the machine's/],
      ['LockPersonality=yes', '', /system call personality/],
    ];
    try {
      for (const [wanted, planted, reason] of openings) {
        assert.ok(unit.includes(wanted), wanted);
        await machine.exec(['sh', '-c', `cat >${UNIT}`], { input: unit.replace(wanted, planted) });
        await machine.sh('systemctl daemon-reload');
        const { status, log, path } = await runJob(machine, 'echo trained >/job/outputs/model/m; echo trained');
        assert.equal(status.result?.exitStatus, '77', `${planted}: ${JSON.stringify(status.result)}`);
        assert.match((status.result?.cage.refused ?? []).join('; '), reason);
        assert.equal(log, '', 'the script never ran');
        assert.equal((await machine.exec(['test', '-e', `${path}/outputs/model/m`])).code, 1);
      }
      const installed = await machine.install(machine.config);
      assert.equal(installed.code, 0, 'installing again puts the unit right');
      assert.equal(await machine.sh(`cat ${UNIT}`), unit);
    } finally {
      await machine.exec(['sh', '-c', `cat >${UNIT} && systemctl daemon-reload`], { input: unit });
    }
  });

  it('has a launcher that takes nothing but strict names and numbers within the policy', async () => {
    const good = { verb: 'create', job: newJob(), environment: NO_ENVIRONMENT, limits: LIMITS };
    const bad: (object | string)[] = [
      ...[
        '..',
        '../../etc',
        'a'.repeat(20) + '\n',
        'A'.repeat(20),
        'x y',
        '%i',
        '$(id)',
        '',
        'é'.repeat(20),
        'a'.repeat(21),
        5,
        null,
        ['a'],
      ].flatMap((job) => [
        { ...good, job },
        { verb: 'start', job },
        { verb: 'remove', job },
      ]),
      { ...good, environment: '../../../etc' },
      { ...good, environment: 'f'.repeat(64) },
      { ...good, tracking: '../../../etc' },
      { ...good, tracking: 'f'.repeat(64) },
      { ...good, tracking: null },
      { verb: 'start', job: good.job, tracking: NO_ENVIRONMENT },
      { ...good, extra: 1 },
      { ...good, limits: { ...LIMITS, seconds: '5' } },
      { ...good, limits: { ...LIMITS, seconds: 1.5 } },
      { ...good, limits: { ...LIMITS, seconds: true } },
      { ...good, limits: { ...LIMITS, seconds: 0 } },
      { ...good, limits: { ...LIMITS, 'MemoryMax=infinity\nPrivateNetwork': 1 } },
      { verb: 'stop', job: good.job, reason: 'a\nb' },
      { verb: 'exec', job: good.job },
      { verb: '__class__' },
      'no json\n',
      '[]\n',
      '{}',
      `${' '.repeat(66_000)}\n`,
    ];
    const answers = (await steps(machine, ...bad.map((request): Step => ['call', request]))) as LauncherError[];
    bad.forEach((request, i) =>
      assert.equal(answers[i]?.error?.type, 'InvalidRequest', JSON.stringify(request).slice(0, 200)),
    );
    const loose = [{ seconds: 3601 }, { logBytes: 100_001 }, { tasks: 5000 }, { memoryBytes: 2 ** 50 }];
    const refused = await steps(
      machine,
      ...loose.map((limits): Step => ['call', { ...good, limits: { ...LIMITS, ...limits } }]),
    );
    for (const answer of refused as LauncherError[]) assert.equal(answer.error?.type, 'PolicyRefused');
    assert.equal((await call(machine, { verb: 'status', job: good.job })).state, 'absent', 'and nothing was made');
  });

  it('leaves a worker that was taken over no way to loosen the cage', async () => {
    const { job, path } = await runJob(machine, 'true');
    const attempts = [
      `systemctl start edge-train-job@${job}`,
      `systemctl stop edge-train-launcher.socket`,
      `systemctl set-property edge-train-job@${job} MemoryMax=infinity`,
      `systemd-run true`,
      `mkdir /run/systemd/system/edge-train-job@${job}.service.d/x`,
      `mkdir -p /etc/systemd/system/edge-train-job@.service.d`,
      `echo >>${UNIT}`,
      `systemctl start edge-train-tracking@${job}.socket`,
      `mkdir ${path}/relay ${path}/tracking`,
      `mkdir -p /run/systemd/system/edge-train-tracking@${job}.service.d`,
      `touch /var/lib/edge-train/tracking-root/etc/x`,
      `echo >>/opt/edge-train/cage/enter.py`,
      `echo >>/etc/edge-train/policy.json`,
      `mv ${path}/inputs ${path}/inputs2`,
      `rmdir ${path}/inputs && ln -s /etc ${path}/inputs`,
      `mv ${path} ${JOBS}/x`,
      `mkdir ${JOBS}/x`,
      `rm -f ${path}/state/started.json`,
      `echo >${path}/state/x`,
      `ln -sf /etc/shadow ${path}/logs/job.log`,
      `echo >>${path}/terms.json`,
      `rmdir /var/lib/edge-train/environments/${NO_ENVIRONMENT}`,
      `ln -s /etc /var/lib/edge-train/environments/${'e'.repeat(64)}`,
      `touch /var/lib/edge-train/root/etc/x`,
    ];
    const tried = (await steps(machine, ...attempts.map((attempt): Step => ['sh', attempt]))) as { code: number }[];
    attempts.forEach((attempt, i) => assert.notEqual(tried[i]?.code, 0, attempt));
    for (const user of ['edgeadmin', 'nobody']) {
      const connect = 'import socket; socket.socket(socket.AF_UNIX).connect("/run/edge-train/launcher.sock")';
      const { stderr } = await machine.exec(['python3', '-c', connect], { user });
      assert.match(stderr, /PermissionError/, user);
    }
    // What the worker does own, it may fill as it likes: the job sees links as they are in its own view, and no further.
    const next = newJob();
    const spec = await createJob(
      machine,
      next,
      'cat /job/inputs/shadow /job/inputs/etc/machine.json /job/source/link; ls /job/inputs/root',
    );
    await machine.sh(
      `cd ${spec} && ln -s /etc/shadow inputs/shadow && ln -s /etc/edge-train inputs/etc && ln -s / inputs/root && ln -s /etc/edge-train/policy.json source/link`,
      { user: 'edge-train' },
    );
    const { log } = await runToEnd(machine, next);
    assert.doesNotMatch(log, /root:[^x]|privateKey|maxSeconds/);
    assert.doesNotMatch(log, /^opt$/m);
  });

  it('removes all of a job and nothing else, whatever links it left', async () => {
    const { job, path } = await runJob(
      machine,
      'mkdir -m 700 /job/outputs/model/shut; echo x >/job/outputs/model/shut/x; ln -s / /job/outputs/model/all; ln -s /etc/passwd work; mkfifo /job/outputs/model/pipe',
    );
    const running = newJob();
    await createJob(machine, running, 'sleep 600');
    await start(machine, running);
    assert.equal((await call<LauncherError>(machine, { verb: 'remove', job: running })).error.type, 'JobRuns');
    await call(machine, { verb: 'stop', job: running, reason: 'clean' });
    const removed = await steps(
      machine,
      ...[job, running, job].map((each): Step => ['call', { verb: 'remove', job: each }]),
    );
    assert.deepEqual(
      (removed as JobStatus[]).map(({ state }) => state),
      ['absent', 'absent', 'absent'],
    );
    assert.equal((await machine.exec(['test', '-e', path])).code, 1);
    assert.equal((await machine.exec(['test', '-s', '/etc/passwd'])).code, 0);
    assert.equal((await machine.exec(['sh', '-c', `ls -d /run/systemd/system/*${job}*`])).stdout, '');
  });

  it('is installed only whole, and says why not', async () => {
    await machine.sh(
      `head -c 1000000 /root/${machine.bundle.digest}.tar.gz >/root/cut.tar.gz && cp /root/cut.tar.gz /root/${'c'.repeat(64)}.tar.gz`,
    );
    const cut = await machine.install({ ...machine.config, bundle: 'c'.repeat(64) });
    assert.notEqual(cut.code, 0, 'a bundle that was cut off is refused');
    const dropIns = `${UNIT}.d`;
    await machine.sh(`mkdir ${dropIns} && printf '[Service]\\nSystemCallFilter=ptrace\\n' >${dropIns}/loose.conf`);
    await machine.sh('systemctl daemon-reload');
    const loose = await machine.install(machine.config);
    await machine.sh(`rm -r ${dropIns} && systemctl daemon-reload`);
    assert.notEqual(loose.code, 0);
    assert.match(
      loose.stderr,
      /did not understand the cage's unit edge-train-job@\.service: SystemCallFilter lets ptrace through/,
    );
    const again = await machine.install(machine.config);
    assert.deepEqual(
      [again.code, again.stdout.trim()],
      [0, `edge-train: bundle ${machine.bundle.digest.slice(0, 12)} is installed`],
    );
    assert.equal(
      (await machine.sh('stat -c "%a %U" /etc/edge-train/machine.json /etc/edge-train/policy.json')).trim(),
      '600 edge-train\n644 root',
    );
    assert.equal((await machine.sh('grep -rl [p]rivateKey /proc/[0-9]*/cmdline 2>/dev/null || true')).trim(), '');
  });
});
