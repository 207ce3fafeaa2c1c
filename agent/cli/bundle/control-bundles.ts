import type { BundleMaker } from "../../ports/diagnostics.ts";
import type { ControlBundleSources } from "./control-bundle.ts";

/**
 * Control's own bundles, for its control plane: the same as root's, of what its confinement lets it
 * see. What that does not is listed in each. All that it takes is loaded when one is asked for:
 * most machines are never asked.
 */
export function controlBundles(
  sources: ControlBundleSources,
  environment: Readonly<Record<string, string | undefined>>,
): BundleMaker {
  return {
    async make(requestId, signal) {
      const { controlBundle } = await import("./control-bundle.ts");
      return controlBundle(sources, environment, requestId, signal);
    },
  };
}
