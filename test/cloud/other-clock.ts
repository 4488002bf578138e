/** Preloaded by `--import`: to this process it is more than a year later. */
const AHEAD = 400 * 86_400_000;
const RealDate = Date;

globalThis.Date = class extends RealDate {
  constructor(...given: unknown[]) {
    super(...((given.length === 0 ? [RealDate.now() + AHEAD] : given) as [number]));
  }

  static override now(): number {
    return RealDate.now() + AHEAD;
  }
} as DateConstructor;
