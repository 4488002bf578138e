import { dirname, join } from 'node:path';

/** Path of a file that another file names, as a person would write it from here. */
export function beside(file: string, named: string): string {
  return join(dirname(file), named);
}
