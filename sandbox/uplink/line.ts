import { Transform, type TransformCallback } from 'node:stream';

/** The state of the site's line to the outside, changed while tunnels are open. */
export interface LineState {
  /** `true`: tunnels are broken and new ones refused (503). `silent`: nothing moves and nothing is answered, as on a dead line. */
  cut: boolean | 'silent';
  /** Added to each direction. */
  delayMs: number;
  /** For each direction, shared by all tunnels; 0 is no limit. */
  bytesPerSecond: number;
}

/** One direction of the line: holds bytes back as the state says, keeps their order, counts them. */
export class Direction {
  private readonly state: LineState;
  /** When the line is next free to send, in milliseconds. */
  private free = 0;
  private readonly waiting = new Set<() => void>();

  constructor(state: LineState) {
    this.state = state;
  }

  /** A pipe for one tunnel. `count` is told of bytes that went through. */
  pipe(count: (bytes: number) => void): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) => this.carry(chunk, count, done),
    });
  }

  /** To be called after the state was changed. */
  wake(): void {
    for (const resume of [...this.waiting]) resume();
  }

  private carry(chunk: Buffer, count: (bytes: number) => void, done: TransformCallback): void {
    const send = () => {
      count(chunk.length);
      done(null, chunk);
    };
    if (this.state.cut !== false) return this.hold(() => this.carry(chunk, count, done));
    const { delayMs, bytesPerSecond } = this.state;
    if (delayMs === 0 && bytesPerSecond === 0) return send();
    const begin = Math.max(Date.now(), this.free);
    this.free = begin + (bytesPerSecond > 0 ? (chunk.length * 1000) / bytesPerSecond : 0);
    setTimeout(() => (this.state.cut === false ? send() : this.hold(send)), this.free - Date.now() + delayMs);
  }

  private hold(resume: () => void): void {
    const again = () => {
      if (this.state.cut !== false) return;
      this.waiting.delete(again);
      resume();
    };
    this.waiting.add(again);
  }
}
