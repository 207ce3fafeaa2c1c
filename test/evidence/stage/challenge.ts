import { randomBytes } from "node:crypto";
import type { Challenge } from "../../../agent/ports/control-plane.ts";
import { machineKey } from "./keys.ts";

export const FOREVER = new AbortController().signal;
export const KEY = machineKey();
export const CHALLENGE: Challenge = {
  nonce: randomBytes(32),
  expiresAtMs: Date.now() + 120_000,
  audience: "https://plane.example/attest/acme",
};
/** As the contract has it. */
export const AUDIENCE = `https://plane.example/attest/acme#n=${Buffer.from(CHALLENGE.nonce).toString("base64url")}&k=${KEY.spkiSha256}`;
