import type { CaBundles } from "./ca-bundles.ts";
import type { CacheFilesystemView } from "./cache-filesystem.ts";
import type { DesiredState } from "./desired-state.ts";
import type { DiskRelief } from "./disk-relief.ts";
import type { Resources } from "./machine.ts";
import type { NoticesView } from "./notices/view.ts";
import type { RecordingsView } from "./recordings.ts";
import type { RefusalsLately } from "./refusals-lately.ts";
import type { RuntimeView } from "./runtime.ts";
import type { StepView } from "./step-trial.ts";
import type { TracesView } from "./traces/view.ts";
import type { UnitsView } from "./units/own-units.ts";
import type {
  BuildkitView,
  CacheView,
  CertificatesView,
  GatewayView,
  IsolationView,
  NetworkView,
  PlaneView,
  RecordsView,
  TailnetView,
} from "./views.ts";

/** The latest that is known of everything that checks look at. Undefined: not known yet. */
export interface Known {
  readonly desired: DesiredState | undefined;
  readonly plane: PlaneView;
  readonly gateway: GatewayView;
  readonly cache: CacheView;
  readonly cacheFilesystem: CacheFilesystemView;
  readonly network: NetworkView;
  readonly isolation: IsolationView;
  readonly tailnet: TailnetView;
  readonly buildkit: BuildkitView;
  readonly step: StepView;
  readonly certificates: CertificatesView;
  readonly resources: Resources | undefined;
  readonly relief: DiskRelief;
  readonly records: RecordsView | undefined;
  readonly recordings: RecordingsView | undefined;
  readonly bundles: CaBundles | undefined;
  readonly runtime: RuntimeView | undefined;
  readonly refusals: RefusalsLately | undefined;
  readonly units: UnitsView;
  readonly traces: TracesView;
  readonly notices: NoticesView;
}

/** What this machine is configured with and can do: it does not change while this process lives. */
export interface Fixed {
  /** Whom this machine asks, `host:port`. */
  readonly controlPlane: string;
  /** Without an encrypted cache the machine does not become ready. */
  readonly requireEncryption: boolean;
  /** What this agent can do on this machine, as it told the control plane. */
  readonly capabilities: readonly string[];
}
