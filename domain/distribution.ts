import { z } from 'zod';
import { oneOf } from './refusal.ts';

const one = (what: string) => z.literal(1, `is refused: one VM runs one process of a job, so ${what} is 1`).optional();

/** `distribution` of a command job, as far as one VM can honour it: a group of one process. */
export const Distribution = z.strictObject({
  type: oneOf(['pytorch', 'tensorflow', 'mpi'], { ray: 'a Ray cluster has several nodes, and a job here has one VM' }),
  process_count_per_instance: one('process_count_per_instance'),
  worker_count: one('worker_count'),
  parameter_server_count: z
    .literal(0, 'is refused: a parameter server is a second process, and one VM runs one of a job')
    .optional(),
});
export type Distribution = z.infer<typeof Distribution>;

/** Loopback is all the network that a cage has. */
const ADDRESS = '127.0.0.1';

/** What Azure ML's launcher tells the one process of a group of one. */
export function distributionVariables({ type }: Distribution): Record<string, string> {
  if (type === 'tensorflow') {
    const cluster = {
      cluster: { worker: [`${ADDRESS}:2222`] },
      task: { type: 'worker', index: 0 },
      environment: 'cloud',
    };
    return { TF_CONFIG: JSON.stringify(cluster) };
  }
  if (type === 'mpi')
    return {
      OMPI_COMM_WORLD_RANK: '0',
      OMPI_COMM_WORLD_SIZE: '1',
      OMPI_COMM_WORLD_LOCAL_RANK: '0',
      OMPI_COMM_WORLD_LOCAL_SIZE: '1',
    };
  return {
    MASTER_ADDR: ADDRESS,
    MASTER_PORT: '6105',
    WORLD_SIZE: '1',
    NODE_RANK: '0',
    RANK: '0',
    LOCAL_RANK: '0',
  };
}
