import { z } from "zod";
import { DAEMON_STATES, type DaemonState } from "./daemon-status.ts";

/** One line of the bus of notifications (`ipn.Notify`), as far as it matters here. */
export interface Notification {
  readonly state?: DaemonState;
  /** What the coordination server, or tailscaled, says to a person. */
  readonly refusal?: string;
  /** Why it could not log in, whatever it was: it tries on. */
  readonly loginError?: string;
  /** It finds no relay, in its words. */
  readonly relayError?: string;
  /** The server wants a person to log in. */
  readonly asksForPerson: boolean;
  /** This node, its peers or its preferences are others than before. */
  readonly changed: boolean;
}

/**
 * Bits of `ipn.NotifyWatchOpt`: the present state, preferences and health first; then also peers
 * that come, change and go, gathered over some seconds in a large tailnet. Source: tailscale
 * v1.100.0, ipn/backend.go.
 */
const [INITIAL_STATE, INITIAL_PREFS, INITIAL_HEALTH, RATE_LIMIT, PEER_CHANGES] = [
  1 << 1,
  1 << 2,
  1 << 7,
  1 << 8,
  1 << 12,
];
export const WATCHED = INITIAL_STATE | INITIAL_PREFS | INITIAL_HEALTH | RATE_LIMIT | PEER_CHANGES;

/**
 * Codes of warnings. Others are for a person at a desk: that /etc/resolv.conf cannot be written
 * (dns-set-os-config-failed) is as we want it.
 */
const LOGIN_STATE = "login-state";
const RELAY_CODES = ["no-derp-home", "no-derp-connection"];

const text = z.string().optional().catch(undefined);
const Warning = z.object({ Text: text, Args: z.record(z.string(), z.unknown()).nullish().catch(undefined) });
const Notify = z.object({
  State: z.number().optional().catch(undefined),
  ErrMessage: text,
  BrowseToURL: text,
  Prefs: z.unknown().optional(),
  SelfChange: z.unknown().optional(),
  PeersChanged: z.unknown().optional(),
  PeersRemoved: z.unknown().optional(),
  Health: z
    .object({ Warnings: z.record(z.string(), Warning).nullish().catch(undefined) })
    .nullish()
    .catch(undefined),
});

/** A line that is none, or was cut because it is too long: something has changed. */
export function readNotification(line: string): Notification {
  const parsed = Notify.safeParse(json(line));
  if (!parsed.success) return { asksForPerson: false, changed: true };
  const { State, ErrMessage, BrowseToURL, Health, ...changes } = parsed.data;
  const state = State === undefined ? undefined : DAEMON_STATES[State];
  const warnings = Health?.Warnings ?? {};
  const login = warnings[LOGIN_STATE];
  const loginError = login === undefined ? "" : (login.Args?.["error"] ?? login.Text ?? "");
  const relay = RELAY_CODES.map((code) => warnings[code]?.Text).find((words) => words !== undefined);
  return {
    ...(state !== undefined && { state }),
    ...(ErrMessage && { refusal: ErrMessage }),
    ...(typeof loginError === "string" && loginError !== "" && { loginError }),
    ...(relay !== undefined && { relayError: relay }),
    asksForPerson: (BrowseToURL ?? "") !== "",
    changed: Object.values(changes).some((change) => change !== undefined && change !== null),
  };
}

function json(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
