/** edge-train's own, the same as in package.json: what a command and the workers tell one another. */
export const VERSION = '0.1.0';
