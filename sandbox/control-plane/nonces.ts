import { randomBytes } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { Refusal } from "./refusal.ts";

const NONCE_BYTES = 32;

/** Gives nonces, and takes each back once. */
export class Nonces {
  readonly #expiryMs = new Map<string, number>();
  readonly #lifetimeMs: number;
  readonly #now: () => number;

  constructor(lifetimeMs: number, now: () => number) {
    this.#lifetimeMs = lifetimeMs;
    this.#now = now;
  }

  give(): { readonly nonce: Uint8Array; readonly expiresAt: Date } {
    this.#forgetExpired();
    const nonce = randomBytes(NONCE_BYTES);
    const expiresAtMs = this.#now() + this.#lifetimeMs;
    this.#expiryMs.set(nonce.toString("hex"), expiresAtMs);
    return { nonce, expiresAt: new Date(expiresAtMs) };
  }

  /** @throws {Refusal} UNAUTHENTICATED: never given, already used, or too old. */
  redeem(nonce: Uint8Array): void {
    const key = Buffer.from(nonce).toString("hex");
    const expiresAtMs = this.#expiryMs.get(key);
    this.#expiryMs.delete(key);
    if (expiresAtMs === undefined || this.#now() >= expiresAtMs) {
      throw new Refusal(status.UNAUTHENTICATED, "nonce: not given by this control plane, used before, or expired");
    }
  }

  #forgetExpired(): void {
    const now = this.#now();
    for (const [nonce, expiresAtMs] of this.#expiryMs) if (expiresAtMs <= now) this.#expiryMs.delete(nonce);
  }
}
