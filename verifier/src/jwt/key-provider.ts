import type { JSONWebKeySet } from "jose";
import { type Exchange, exchange, type Fetch } from "../exchange.ts";
import { Refused } from "../refusal.ts";
import { isJsonObject, member, parseJsonObject } from "../strict-json.ts";

/**
 * Where an issuer's public keys come from: given as data, or by a provider that keeps them fresh.
 */
export type IssuerKeys = JSONWebKeySet | KeyProvider;

export interface KeyProvider {
  /** @throws {Refused} "keys-unavailable" */
  current(): Promise<JSONWebKeySet>;
  /** Fetched anew because a key is unknown; undefined when that was done a moment ago. */
  renewed(): Promise<JSONWebKeySet | undefined>;
}

interface ProviderSettings {
  /** The issuer's JWKS document; whatever it throws means that the keys cannot be had. */
  readonly load: () => Promise<unknown>;
  readonly now: () => number;
  /** How long a set is taken as it is; default 10 minutes. */
  readonly freshMs?: number;
}

/** Between two fetches for the sake of an unknown key: whoever makes up key ids costs no more. */
const UNKNOWN_KEY_PAUSE_MS = 30_000;
/** Between two fetches when the first has failed. */
const FAILURE_PAUSE_MS = 1_000;
const FRESH_MS = 10 * 60_000;

interface Loaded {
  readonly keys: JSONWebKeySet;
  readonly atMs: number;
}

/** Keeps an issuer's keys, and fetches once for all who wait. */
export class CachedKeys implements KeyProvider {
  readonly #settings: Required<ProviderSettings>;
  #loaded: Loaded | undefined;
  #loading: Promise<JSONWebKeySet> | undefined;
  #failedAtMs = Number.NEGATIVE_INFINITY;
  #soughtAtMs = Number.NEGATIVE_INFINITY;

  constructor(settings: ProviderSettings) {
    this.#settings = { freshMs: FRESH_MS, ...settings };
  }

  current(): Promise<JSONWebKeySet> {
    const { now, freshMs } = this.#settings;
    const loaded = this.#loaded;
    if (loaded !== undefined && now() - loaded.atMs < freshMs) return Promise.resolve(loaded.keys);
    return this.#load();
  }

  async renewed(): Promise<JSONWebKeySet | undefined> {
    const nowMs = this.#settings.now();
    if (this.#loading !== undefined) return this.#loading;
    if (nowMs - this.#soughtAtMs < UNKNOWN_KEY_PAUSE_MS) return undefined;
    this.#soughtAtMs = nowMs;
    return this.#load();
  }

  #load(): Promise<JSONWebKeySet> {
    this.#loading ??= this.#fetch().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #fetch(): Promise<JSONWebKeySet> {
    const { load, now } = this.#settings;
    if (now() - this.#failedAtMs < FAILURE_PAUSE_MS)
      throw new Refused("keys-unavailable", "The issuer's keys could not be fetched a moment ago.");
    try {
      const keys = asKeySet(await load());
      this.#loaded = { keys, atMs: now() };
      return keys;
    } catch (failure) {
      this.#failedAtMs = now();
      throw new Refused("keys-unavailable", "The issuer's keys cannot be fetched.", failure);
    }
  }
}

/** Loads a JWKS document from an address of the configuration, never of a token. */
export function jwksAt(url: string, fetch: Fetch): () => Promise<unknown> {
  const request: Exchange = { url, method: "GET", headers: { accept: "application/json" } };
  return async () => parseJsonObject(await exchange(fetch, request), "key set");
}

function asKeySet(document: unknown): JSONWebKeySet {
  if (isJsonObject(document)) {
    const keys: unknown = member(document, "keys");
    if (Array.isArray(keys) && keys.every(isKey)) return { keys };
  }
  throw new Error("what was loaded is not a JWKS document");
}

function isKey(key: unknown): key is JSONWebKeySet["keys"][number] {
  return isJsonObject(key) && typeof member(key, "kty") === "string";
}
