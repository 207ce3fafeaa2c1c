import { Registry } from "prom-client";
import { type ListeningHealth, listenHealth } from "../../agent/adapters/health/listen-health.ts";
import type { ObservedState } from "../../agent/core/observed-state.ts";
import type { Log } from "../../agent/ports/log.ts";

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };

export async function serving(state: ObservedState | undefined, registry = new Registry()): Promise<ListeningHealth> {
  const health = await listenHealth({ host: "127.0.0.1", port: 0, registry, log: SILENT });
  if (state !== undefined) health.show(state);
  return health;
}

export async function asked(health: ListeningHealth, path: string): Promise<{ status: number; body: string }> {
  const response = await fetch(new URL(path, health.url));
  return { status: response.status, body: await response.text() };
}
