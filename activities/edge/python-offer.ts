import type { EnvironmentPlan } from '../../domain/environment.ts';
import { ServiceError } from '../../services/errors.ts';

/** What to say where the VM lacks a Python: which it has, and which of them is nearest. None is ever taken in its place. */
export function pythonNotOffered(plan: EnvironmentPlan, installed: string): ServiceError {
  const versions = offeredVersions(installed);
  const nearest = nearestVersion(plan.python ?? '', versions);
  return new ServiceError({
    class: 'input',
    type: 'PythonNotOffered',
    cause: `The VM has no Python ${plan.python} for the environment ${plan.name}; it has ${versions.join(', ') || 'none'}.`,
    nextStep:
      nearest === undefined
        ? 'Ask the operator for a VM image with that Python.'
        : `Ask for Python ${nearest}, the nearest that the VM has, or ask the operator for a VM image with ${plan.python}.`,
    retryable: false,
  });
}

/** MAJOR.MINOR of each CPython that `uv python list --only-installed` names, oldest first. */
export function offeredVersions(installed: string): string[] {
  const minors = [...installed.matchAll(/^cpython-3\.(\d+)\./gm)].map(([, minor]) => Number(minor));
  return [...new Set(minors)].sort((a, b) => a - b).map((minor) => `3.${minor}`);
}

/** Of two that are as near the newer: packages drop old versions sooner than they break on new ones. */
export function nearestVersion(wanted: string, versions: readonly string[]): string | undefined {
  const minor = (version: string) => Number(version.split('.')[1]);
  const distance = (version: string) => Math.abs(minor(version) - minor(wanted));
  return [...versions].sort((a, b) => distance(a) - distance(b) || minor(b) - minor(a))[0];
}
