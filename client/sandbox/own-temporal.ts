/** The sandbox has a Temporal server of its own, whatever profile its user has. */
export function forgetTemporalProfile(): void {
  for (const name of Object.keys(process.env)) if (name.startsWith('TEMPORAL_')) delete process.env[name];
}
