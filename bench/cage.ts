import { createJob, newJob, steps } from '../test/vm/jobs.ts';
import { bootMachine, type TestMachine } from '../test/vm/vm.ts';
import { printFigures } from './table.ts';

/**
 * How much later a script begins in the cage than the same command begun by hand on the same VM, in turn: the launcher, the
 * unit, the helper and its self-check. `npm run bench cage [PAIRS]`.
 */
async function main(pairs: number): Promise<void> {
  const machine = await bootMachine();
  try {
    await caged(machine); // what is read first is cached then
    const times: { caged: number; bare: number }[] = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      times.push({ caged: await caged(machine), bare: await bare(machine) });
    }
    printFigures(`${pairs} pairs, s to begin`, times, {
      bare: ({ bare }) => bare,
      'in the cage': ({ caged }) => caged,
      'above bare': ({ caged, bare }) => caged - bare,
    });
  } finally {
    await machine.remove();
  }
}

interface Told {
  readonly output: string;
}

const NOW = 'date +%s.%N';

async function caged(machine: TestMachine): Promise<number> {
  const job = newJob();
  const path = await createJob(machine, job, `${NOW} >/job/outputs/model/begun`);
  const [asked, , , begun] = (await steps(
    machine,
    ['sh', NOW],
    ['call', { verb: 'start', job }],
    ['wait', job],
    ['sh', `cat ${path}/outputs/model/begun`],
  )) as Told[];
  return Number(begun?.output) - Number(asked?.output);
}

async function bare(machine: TestMachine): Promise<number> {
  const [asked, begun] = (await steps(machine, ['sh', NOW], ['sh', NOW])) as Told[];
  return Number(begun?.output) - Number(asked?.output);
}

await main(Number(process.argv[2] ?? 20));
