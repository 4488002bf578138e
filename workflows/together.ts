import { CancellationScope } from '@temporalio/workflow';

/**
 * Does several deeds at once. When one fails, the others are cancelled and waited for: nothing of them is under way
 * when the caller begins to undo. Throws the first failure.
 */
export async function together<T extends (() => Promise<unknown>)[]>(
  ...deeds: T
): Promise<{ [K in keyof T]: Awaited<ReturnType<T[K]>> }> {
  return CancellationScope.cancellable(async () => {
    const scope = CancellationScope.current();
    const failures: unknown[] = [];
    const results = await Promise.all(
      deeds.map(async (deed) => {
        try {
          return await deed();
        } catch (error) {
          failures.push(error);
          if (failures.length === 1) scope.cancel();
          return undefined;
        }
      }),
    );
    if (failures.length > 0) throw failures[0];
    return results as { [K in keyof T]: Awaited<ReturnType<T[K]>> };
  });
}
