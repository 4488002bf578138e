import { execFileSync } from 'node:child_process';
import { scratchFolder } from './scratch.ts';

/** A folder with one wheel that pip accepts, which holds a shell script that says that it runs. */
export function wheelFolder(wheel: string, version: string, tool: string): string {
  const wheels = scratchFolder();
  const script = `
import sys, zipfile
name, version, tool, folder = sys.argv[1:]
info = f'{name}-{version}.dist-info'
with zipfile.ZipFile(f'{folder}/{name}-{version}-py3-none-any.whl', 'w') as wheel:
    wheel.writestr(f'{name}-{version}.data/scripts/{tool}', f'#!/bin/sh\\necho {tool} runs\\n')
    wheel.writestr(f'{info}/METADATA', f'Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n')
    wheel.writestr(f'{info}/WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr(f'{info}/RECORD', '')
`;
  execFileSync('python3', ['-c', script, wheel, version, tool, wheels]);
  return wheels;
}
