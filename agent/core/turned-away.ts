import { REFUSALS } from "./authorise.ts";

/** Why a connection was turned away: by the policy, or before it could be asked. */
export const TURNED_AWAY = [
  ...REFUSALS,
  "certificate-unreadable",
  "not-serving-yet",
  "too-many-connections",
  "too-many-connections-of-source",
  "too-many-sessions-of-build",
  "displaced-by-newer",
  "handshake-timeout",
  "handshake-abandoned",
  "handshake-failed",
  /** The client said so: not our certificate, or not for the name that it asked for. */
  "serving-certificate-not-trusted",
  "handshake-too-large",
  "handshakes-too-costly",
  /** Connected, and sent nothing: a load balancer asks whether the port is open. */
  "tcp-probe",
  "no-common-alpn",
  "not-tls",
] as const;

export type TurnedAway = (typeof TURNED_AWAY)[number];
