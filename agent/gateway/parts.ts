import type { Clock } from "../ports/clock.ts";
import type { ControlLink } from "../ports/control-link.ts";
import type { HandshakeBytes } from "../ports/handshake-bytes.ts";
import type { CertificateReader, KeyMaker } from "../ports/keys.ts";
import type { Log } from "../ports/log.ts";
import type { OwnBuffers } from "../ports/own-buffers.ts";
import type { OwnUnit } from "../ports/own-unit.ts";
import type { PeerReader } from "../ports/peer-reader.ts";
import type { RuntimeGauges } from "../ports/runtime-gauges.ts";
import type { GatewayLimits } from "./limits.ts";

/**
 * Where clients come in: a socket inherited from the service manager, or an address of our own
 * (port 0: any free one).
 */
export type ListenOn = { readonly fd: number } | { readonly host: string; readonly port: number };

/** All that the gateway asks of the outside. */
export interface GatewayParts {
  readonly listen: ListenOn;
  /** The gateway closes it when it ends. */
  readonly link: ControlLink;
  readonly keys: KeyMaker;
  readonly certificates: CertificateReader;
  readonly peers: PeerReader;
  readonly gauges: RuntimeGauges;
  readonly bytes: HandshakeBytes;
  readonly buffers: OwnBuffers;
  readonly unit: Pick<OwnUnit, "ready" | "tell" | "replaced">;
  readonly clock: Clock;
  readonly log: Log;
  /** How many lines of that log found no room so far. */
  readonly droppedLogLines: () => number;
  readonly limits: GatewayLimits;
  /** The path of BuildKit's unix socket. */
  readonly buildkitSocket: string;
  /**
   * "judged": a build's sessions may call what its build may. "any": whatever they like, unread.
   */
  readonly calls: "judged" | "any";
  /**
   * Another gateway serves on the same socket, and finishes once this one does: so the door stays
   * shut until whoever comes can be served.
   */
  readonly succeeds: boolean;
  /** Aborted: stop accepting, cut what is open, tell control, return. */
  readonly signal: AbortSignal;
}
