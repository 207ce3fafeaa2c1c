import { describe, expect, it } from "vitest";
import type { AllowSet } from "../../agent/core/allow-set.ts";
import { authorise, type KeyFacts, named, type PeerFacts, type Refusal } from "../../agent/core/authorise.ts";
import { allowSet, certificate, grant, NOW, peer } from "./sample.ts";

const uri = (path: string): PeerFacts =>
  peer({ certificate: certificate({ uriSans: [`spiffe://builds.example/${path}`] }) });

describe("a connection", () => {
  it("is let in with its build's certificate, until the first of certificate and grant runs out", () => {
    expect(authorise(peer(), allowSet(), NOW)).toMatchObject({
      admitted: true,
      build: { orgId: "acme", projectId: "app", buildId: "b1" },
      endsAtMs: grant().expiresAtMs,
      endsBecause: "grant-expired",
    });
    const shortLived = peer({ certificate: certificate({ notAfterMs: NOW.wallMs + 1 }) });
    expect(authorise(shortLived, allowSet(), NOW)).toMatchObject({
      endsAtMs: NOW.wallMs + 1,
      endsBecause: "certificate-expired",
    });
  });

  it("is cut for its grant where grant and certificate run out together", () => {
    const together = peer({ certificate: certificate({ notAfterMs: grant().expiresAtMs }) });
    expect(authorise(together, allowSet(), NOW)).toMatchObject({
      endsAtMs: grant().expiresAtMs,
      endsBecause: "grant-expired",
    });
  });

  it("is let in from the very moment that its certificate begins", () => {
    const young = peer({ certificate: certificate({ notBeforeMs: NOW.wallMs }) });
    expect(authorise(young, allowSet(), NOW).admitted).toBe(true);
  });

  it.each<{ refusal: Refusal; of: string; peer?: PeerFacts; allow?: AllowSet | "none" }>([
    { refusal: "protocol-too-old", of: "TLS 1.2", peer: peer({ protocol: "TLSv1.2" }) },
    { refusal: "session-resumed", of: "a saved TLS session", peer: peer({ sessionReused: true }) },
    { refusal: "no-certificate", of: "no certificate", peer: { protocol: "TLSv1.3", sessionReused: false } },
    { refusal: "no-view", of: "no word from the control plane", allow: "none" },
    {
      refusal: "certificate-expired",
      of: "an expired certificate",
      peer: peer({ certificate: certificate({ notAfterMs: NOW.wallMs }) }),
    },
    {
      refusal: "certificate-expired",
      of: "an unreadable end",
      peer: peer({ certificate: certificate({ notAfterMs: Number.NaN }) }),
    },
    {
      refusal: "certificate-not-yet-valid",
      of: "a start to come",
      peer: peer({ certificate: certificate({ notBeforeMs: NOW.wallMs + 1 }) }),
    },
    {
      refusal: "certificate-not-yet-valid",
      of: "an unreadable start",
      peer: peer({ certificate: certificate({ notBeforeMs: Number.NaN }) }),
    },
    {
      refusal: "key-not-accepted",
      of: "a short RSA key, whatever OpenSSL says of the chain",
      peer: peer({ certificate: certificate({ key: { kind: "rsa", bits: 1024 } }), chainError: "EE_KEY_TOO_SMALL" }),
    },
    { refusal: "chain-not-trusted", of: "another CA", peer: peer({ chainError: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" }) },
    { refusal: "certificate-is-a-ca", of: "a CA as leaf", peer: peer({ certificate: certificate({ isCa: true }) }) },
    {
      refusal: "not-for-client-authentication",
      of: "server authentication only",
      peer: peer({ certificate: certificate({ extendedKeyUsage: ["1.3.6.1.5.5.7.3.1"] }) }),
    },
    {
      refusal: "not-for-client-authentication",
      of: "no usage at all",
      peer: peer({ certificate: certificate({ extendedKeyUsage: [] }) }),
    },
    { refusal: "not-exactly-one-uri-san", of: "no URI SAN", peer: peer({ certificate: certificate({ uriSans: [] }) }) },
    {
      refusal: "not-exactly-one-uri-san",
      of: "two URI SANs",
      peer: peer({ certificate: certificate({ uriSans: [...certificate().uriSans, ...certificate().uriSans] }) }),
    },
    { refusal: "not-a-build-identity", of: "a machine's SPIFFE id", peer: uri("machine/m1") },
    { refusal: "not-a-build-identity", of: "a trailing slash", peer: uri("org/acme/project/app/build/b1/") },
    { refusal: "not-a-build-identity", of: "an encoded letter", peer: uri("org/acme/project/app/build/%621") },
    { refusal: "not-a-build-identity", of: "a query", peer: uri("org/acme/project/app/build/b1?x") },
    { refusal: "not-a-build-identity", of: "another trust domain", allow: allowSet({ trustDomain: "other.example" }) },
    { refusal: "no-grant", of: "another build", peer: uri("org/acme/project/app/build/b2") },
    { refusal: "no-grant", of: "another org", peer: uri("org/other/project/app/build/b1") },
    { refusal: "no-grant", of: "another project", peer: uri("org/acme/project/other/build/b1") },
    { refusal: "no-grant", of: "no open build", allow: allowSet({ grants: new Map() }) },
    {
      refusal: "build-ended",
      of: "a build that ended",
      allow: allowSet({ grants: new Map(), closed: new Map([["b1", "ended"]]) }),
    },
    {
      refusal: "build-revoked",
      of: "a revoked build",
      allow: allowSet({ grants: new Map(), closed: new Map([["b1", "revoked"]]) }),
    },
    {
      refusal: "machine-draining",
      of: "a build that was opened while the machine drains",
      allow: allowSet({ grants: new Map(), closed: new Map([["b1", "kept-out"]]) }),
    },
    {
      refusal: "key-not-granted",
      of: "another key than the grant's",
      allow: allowSet({ grants: new Map([["b1", grant({ keySpkiSha256: "bb".repeat(32) })]]) }),
    },
    {
      refusal: "grant-expired",
      of: "an expired grant",
      allow: allowSet({ grants: new Map([["b1", grant({ expiresAtMs: NOW.wallMs })]]) }),
    },
    {
      refusal: "view-too-old",
      of: "a view of 5 minutes and 1 ms",
      allow: allowSet({ confirmedAt: { wallMs: NOW.wallMs, monoMs: NOW.monoMs - 300_001 } }),
    },
    {
      refusal: "view-too-old",
      of: "a VM that was paused",
      allow: allowSet({ confirmedAt: { wallMs: NOW.wallMs - 300_001, monoMs: NOW.monoMs } }),
    },
    {
      refusal: "not-admitting",
      of: "a closed door",
      allow: allowSet({ admission: { at: "closed", because: "disk: full" } }),
    },
  ])("is refused as $refusal: $of", ({ refusal, peer: who = peer(), allow = allowSet() }) => {
    expect(authorise(who, allow === "none" ? undefined : allow, NOW)).toMatchObject({ admitted: false, refusal });
  });

  it.each<{ key: KeyFacts; accepted: boolean }>([
    { key: { kind: "rsa", bits: 2047 }, accepted: false },
    { key: { kind: "rsa", bits: 2048 }, accepted: true },
    { key: { kind: "rsa", bits: 4096 }, accepted: true },
    { key: { kind: "ec", curve: "prime256v1" }, accepted: true },
    { key: { kind: "ec", curve: "secp384r1" }, accepted: true },
    { key: { kind: "ec", curve: "secp521r1" }, accepted: true },
    { key: { kind: "ec", curve: "secp256k1" }, accepted: false },
    { key: { kind: "ec", curve: "secp224r1" }, accepted: false },
    { key: { kind: "other", name: "ed25519" }, accepted: true },
    { key: { kind: "other", name: "ed448" }, accepted: false },
    { key: { kind: "other", name: "dsa" }, accepted: false },
  ])("with the key $key: accepted $accepted", ({ key, accepted }) => {
    const verdict = authorise(peer({ certificate: certificate({ key }) }), allowSet(), NOW);
    const refused = { admitted: false, refusal: "key-not-accepted", detail: `the client's key is ${named(key)}` };
    expect(verdict).toMatchObject(accepted ? { admitted: true } : refused);
  });

  it("names a key in an operator's words", () => {
    expect(named({ kind: "rsa", bits: 1024 })).toBe("RSA with 1024 bits");
    expect(named({ kind: "ec", curve: "secp256k1" })).toBe("on the curve secp256k1");
    expect(named({ kind: "other", name: "dsa" })).toBe("dsa");
  });

  it("is let in with the granted key, and with a view of exactly 5 minutes", () => {
    const pinned = allowSet({ grants: new Map([["b1", grant({ keySpkiSha256: certificate().spkiSha256 })]]) });
    expect(authorise(peer(), pinned, NOW).admitted).toBe(true);
    const old = allowSet({ confirmedAt: { wallMs: NOW.wallMs - 300_000, monoMs: NOW.monoMs - 300_000 } });
    expect(authorise(peer(), old, NOW).admitted).toBe(true);
  });
});
