import { buildkit, disk } from "./buildkit.ts";
import { buildkitSolve } from "./buildkit-solve.ts";
import { caBundles } from "./ca-bundles.ts";
import { cacheVolume, encryption } from "./cache.ts";
import { cacheFilesystem } from "./cache-filesystem.ts";
import type { Check } from "./check.ts";
import { clock, controlPlane, controlPlaneView, desiredState, unsupported } from "./control-plane.ts";
import { gateway, machineCertificate, servingCertificate } from "./gateway.ts";
import { buildNetwork, isolation, tailnet } from "./network.ts";
import { providerNotices } from "./provider-notices.ts";
import { recordings } from "./recordings.ts";
import { records } from "./records.ts";
import { refusedConnections } from "./refused-connections.ts";
import { runtime } from "./runtime.ts";
import { traces } from "./traces.ts";
import { units } from "./units.ts";

/**
 * Every check, in the order in which it is shown and given as a reason. A new one is a row here and
 * a file or a row beside it.
 */
export const CHECKS: readonly Check[] = [
  gateway,
  servingCertificate,
  machineCertificate,
  caBundles,
  refusedConnections,
  controlPlane,
  controlPlaneView,
  desiredState,
  cacheVolume,
  cacheFilesystem,
  encryption,
  buildNetwork,
  isolation,
  tailnet,
  buildkit,
  disk,
  buildkitSolve,
  records,
  recordings,
  units,
  runtime,
  clock,
  unsupported,
  traces,
  providerNotices,
];
