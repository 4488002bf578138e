/** What Azure ML's managed online deployments ask of the machines behind them. */

export interface ModelServerSpec {
  /** Of this sandbox's own; the same name is the same server. */
  name: string;
  /** REGISTRY/REPOSITORY@DIGEST. */
  image: string;
  /** Where it listens inside. */
  port: number;
  environment: Record<string, string>;
  memoryMiB: number;
  cores: number;
}

export interface ModelServers {
  /** Pulls and starts; one that is there is left, and started where it was stopped. @throws Error with the daemon's reason */
  run(spec: ModelServerSpec): Promise<void>;
  /** Where it is reached from this machine now (`http://127.0.0.1:PORT`); undefined where it does not run. */
  address(name: string, port: number): Promise<string | undefined>;
  /** One that a stop of the sandbox ended runs again. Absent is fine. */
  resume(name: string): Promise<void>;
  /** Absent is fine. */
  remove(name: string): Promise<void>;
}
