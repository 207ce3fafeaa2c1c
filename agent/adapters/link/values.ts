import type { Protocol } from "../../wire/protocol.ts";

/**
 * What goes over `gateway.sock`, in both directions, until either side closes. A new control and a
 * gateway of an older release meet whenever the agent is exchanged under running builds: what is
 * added must be understood by both, and only a change that the other end could misread counts the
 * version up. The longest line is an allow-set of as many builds as the contract allows: 4 MB.
 */
export const LINK: Protocol = {
  name: "link",
  answerer: "the gateway's link",
  version: 1,
  lineMaxBytes: 16 * 1024 * 1024,
};

/** What a text of the link may have, in characters: each costs memory until it is on disk. */
export const TEXT_MAX = {
  /** Of a run and of a session. */
  name: 256,
  /** An address and a port; a serial number in hex. */
  short: 256,
  /** Why a session ended: an error's words. */
  detail: 4_096,
} as const;

/** JSON has no integers beyond 2^53: they travel as decimal text. */
export const BIG_INTEGER = /^\d{1,20}$/;

export const SHA256_HEX = /^[0-9a-f]{64}$/;
