import type { Endpoint } from "./faults.ts";

/** A request as it was asked and answered, without any secret in it. */
export interface ApiRequest {
  readonly atMs: number;
  readonly endpoint: Endpoint | "unknown";
  readonly method: string;
  readonly path: string;
  /** Of an OAuth client or a federated identity; "" where none was named. */
  readonly clientId: string;
  /** The body of a request for a key: there is nothing secret in it. */
  readonly body?: unknown;
  /** 0: it was not answered. */
  readonly status: number;
}
