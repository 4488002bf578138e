/** Does something until Ctrl-C (or SIGTERM, SIGHUP) ends it; the signal that it gets is aborted then. */
export async function untilInterrupted<T>(deed: (signal: AbortSignal) => Promise<T>): Promise<T | 'interrupted'> {
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort(new Error('interrupted'));
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    return await deed(interrupt.signal);
  } catch (error) {
    if (interrupt.signal.aborted) return 'interrupted';
    throw error;
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
