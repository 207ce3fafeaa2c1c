import { debugMetrics, passedMetrics } from "../adapters/buildkit/metrics-passage.ts";
import { OwnMetrics } from "../adapters/buildkit/own-metrics.ts";
import type { Config } from "./config/config.ts";
import type { Layout } from "./layout.ts";

/**
 * How control has BuildKit's own metrics; undefined where its debug socket is off. Under systemd
 * control is not root, who alone may open that; the launcher's control is who the launcher is.
 */
export function buildkitMetricsOf(
  { buildkit, services }: Pick<Config, "buildkit" | "services">,
  layout: Layout,
): (() => Promise<string>) | undefined {
  if (!buildkit.debugSocket) return undefined;
  const own = new OwnMetrics((signal) =>
    services.manager === "systemd"
      ? passedMetrics(layout.buildkitMetricsSocket, signal)
      : debugMetrics(layout.buildkitDebugSocket, signal),
  );
  return () => own.text();
}
