/** One program that the supervisor keeps alive. `DIR/programs.json` (0600: environments hold keys) lists them. */
export interface Program {
  name: string;
  file: string;
  args: string[];
  env: Record<string, string>;
  /** Milliseconds between SIGTERM and SIGKILL when it is stopped. */
  grace: number;
}

/** `DIR/supervisor.json`: what the supervisor last saw. */
export interface SupervisorStatus {
  pid: number;
  programs: Record<string, ProgramStatus>;
}

export interface ProgramStatus {
  pid?: number;
  /** How often it was started again since the supervisor began. */
  restarts: number;
  /** How it last ended. */
  lastExit?: string;
}
