import { describe, expect, it } from "vitest";
import { type DesiredState, follows } from "../../agent/core/desired-state.ts";
import { Secret } from "../../agent/core/secret.ts";
import type { TailnetWish } from "../../agent/core/tailnet/wish.ts";
import { desiredState, grant, NOW } from "./sample.ts";

const tailnet = (over: Partial<TailnetWish> = {}, key = "tskey-1"): TailnetWish => ({
  grantId: "g",
  credential: { kind: "auth-key", key: new Secret(key) },
  tags: ["tag:a", "tag:b"],
  acceptRoutes: false,
  required: false,
  ...over,
});
const volumeKey = (fill: number) => ({ kind: "given", key: new Secret(new Uint8Array(64).fill(fill)) }) as const;

/** Built anew each time: nothing is the same object. */
function whole(over: Partial<DesiredState> = {}): DesiredState {
  return desiredState({
    sentAtMs: NOW.wallMs,
    trust: { trustDomain: "builds.example", buildCas: ["ca-1", "ca-2"] },
    grants: new Map([
      ["b1", grant()],
      ["b2", grant({ buildId: "b2", keySpkiSha256: "ab".repeat(32) })],
    ]),
    closed: new Map([["b0", "ended"]]),
    tailnet: tailnet(),
    cacheVolume: { volumeId: "v", key: volumeKey(1) },
    egress: { allowedCidrs: ["10.0.0.0/8", "192.0.2.0/24"], allowPrivateRanges: true },
    asksFor: ["tailnet"],
    ...over,
  });
}

const mirrors = (...hosts: string[]) => ({
  buildkit: { ...desiredState().buildkit, registryMirrors: new Map([["docker.io", hosts]]) },
});

describe("the same revision again", () => {
  it.each<{ of: string; inForce?: DesiredState; again: DesiredState }>([
    { of: "the same content", again: whole() },
    { of: "another time of sending", again: whole({ sentAtMs: NOW.wallMs + 30_000 }) },
    {
      of: "builds, CAs, CIDRs and tags in another order",
      again: whole({
        grants: new Map([...whole().grants].toReversed()),
        trust: { trustDomain: "builds.example", buildCas: ["ca-2", "ca-1"] },
        egress: { allowedCidrs: ["192.0.2.0/24", "10.0.0.0/8"], allowPrivateRanges: true },
        tailnet: tailnet({ tags: ["tag:b", "tag:a"] }),
      }),
    },
  ])("with $of confirms the view", ({ again }) => {
    expect(follows(again, whole())).toEqual({ accepted: true, repeat: true });
  });

  it.each<{ of: string; inForce?: DesiredState; again: DesiredState; names: string }>([
    { of: "another build", again: whole({ grants: new Map([["b1", grant()]]) }), names: "open_builds" },
    {
      of: "another expiry",
      again: whole({ grants: new Map([...whole().grants, ["b1", grant({ expiresAtMs: 1 })]]) }),
      names: "open_builds",
    },
    {
      of: "a build's key taken off",
      again: whole({ grants: new Map([...whole().grants, ["b2", grant({ buildId: "b2" })]]) }),
      names: "open_builds",
    },
    {
      of: "another reason of a closed build",
      again: whole({ closed: new Map([["b0", "revoked"]]) }),
      names: "closed_builds",
    },
    {
      of: "another CA",
      again: whole({ trust: { trustDomain: "builds.example", buildCas: ["ca-1", "ca-3"] } }),
      names: "trust_bundle",
    },
    { of: "a drain", again: whole({ drain: { reason: "", graceMs: 0 } }), names: "drain" },
    {
      of: "a drain's other grace",
      inForce: whole({ drain: { reason: "", graceMs: 1 } }),
      again: whole({ drain: { reason: "", graceMs: 2 } }),
      names: "drain",
    },
    {
      of: "another volume key",
      again: whole({ cacheVolume: { volumeId: "v", key: volumeKey(2) } }),
      names: "cache_volume",
    },
    { of: "another auth key", again: whole({ tailnet: tailnet({}, "tskey-2") }), names: "tailnet" },
    {
      of: "mirrors in another order, which is the order of their use",
      inForce: whole(mirrors("one", "two")),
      again: whole(mirrors("two", "one")),
      names: "buildkit",
    },
    {
      of: "another wish beside builds",
      again: whole({ asksFor: ["tailnet", "diagnostics"] }),
      names: "what is asked for beside builds",
    },
  ])("with $of is refused, and says where it differs", ({ inForce = whole(), again, names }) => {
    const acceptance = follows(again, inForce);
    expect(acceptance).toMatchObject({ accepted: false });
    expect(JSON.stringify(acceptance)).toContain(`(${names})`);
    expect(JSON.stringify(acceptance)).not.toContain("tskey");
    // The other way round it is no less a breach.
    expect(follows(inForce, again)).toMatchObject({ accepted: false });
  });

  it("without what the other has is refused, whichever of them was first", () => {
    const { tailnet: _, ...without } = whole();
    expect(follows(without, whole())).toMatchObject({ accepted: false });
    expect(follows(whole(), without)).toMatchObject({ accepted: false });
  });
});
