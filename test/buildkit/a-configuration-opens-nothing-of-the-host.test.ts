import * as fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { describe, expect, it } from "vitest";
import { buildkitConfig } from "../../agent/core/buildkit-config.ts";
import { deviations } from "../../agent/core/buildkit-guard.ts";
import { DEFAULTS, PLACES } from "./settings.ts";

const DISK = 100e9;

function plain(): Record<string, unknown> {
  return structuredClone(buildkitConfig(DEFAULTS, DISK, PLACES).config);
}

describe("BuildKit's configuration", () => {
  it("names a socket, no entitlement, no containerd, no CDI, and CNI for a network", () => {
    expect(plain()).toMatchObject({
      root: "/cache",
      "insecure-entitlements": [],
      grpc: { address: ["unix:///run/agent/buildkit/buildkitd.sock"] },
      log: { format: "json" },
      cdi: { disabled: true },
      worker: { containerd: { enabled: false }, oci: { networkMode: "cni", cniConfigPath: PLACES.cniConfigPath } },
      history: { maxEntries: 50 },
    });
  });

  it("carries parallelism, mirrors and the socket's owner where they are set", () => {
    const settings = {
      ...DEFAULTS,
      maxParallelism: 3,
      registryMirrors: new Map([
        ["registry.example:5000", ["mirror.example"]],
        ["empty.example", []],
      ]),
    };
    const { config } = buildkitConfig(settings, DISK, { ...PLACES, socketOwner: { uid: 7, gid: 8 } });
    expect(config).toMatchObject({
      grpc: { uid: 7, gid: 8 },
      worker: { oci: { "max-parallelism": 3 } },
      registry: { "registry.example:5000": { mirrors: ["mirror.example"] } },
    });
    expect(config["registry"]).not.toHaveProperty(["empty.example"]);
  });

  it("passes its own guard for any settings, and survives being written and read", () => {
    const bytes = fc.nat({ max: 1e12 });
    const mirrors = fc.uniqueArray(fc.tuple(fc.string({ minLength: 1 }), fc.array(fc.string(), { maxLength: 3 })), {
      selector: ([host]) => host,
      maxLength: 4,
    });
    fc.assert(
      fc.property(bytes, bytes, bytes, fc.nat(64), mirrors, (reserved, most, free, maxParallelism, pairs) => {
        fc.pre(pairs.every(([host]) => host !== "__proto__"));
        const settings = {
          reservedSpaceBytes: reserved,
          maxUsedSpaceBytes: most,
          minFreeSpaceBytes: free,
          maxParallelism,
          registryMirrors: new Map(pairs),
          historyMaxAgeMs: 60_000,
          stepLogMaxBytes: reserved,
          stepLogMaxBytesPerSecond: most,
        };
        const { config } = buildkitConfig(settings, DISK, PLACES);
        const read = parse(stringify(config));
        expect(read).toEqual(config);
        expect(deviations(read, PLACES)).toEqual([]);
      }),
    );
  });

  const change = (path: readonly string[], value: unknown): Record<string, unknown> => {
    const config = plain();
    const last = path.at(-1) ?? "";
    const table = path.slice(0, -1).reduce<Record<string, unknown>>((at, key) => {
      at[key] ??= {};
      return at[key] as Record<string, unknown>;
    }, config);
    if (value === undefined) delete table[last];
    else table[last] = value;
    return config;
  };

  it.each([
    { what: "another root", path: ["root"], value: "/" },
    { what: "an entitlement", path: ["insecure-entitlements"], value: ["network.host"] },
    { what: "no word on entitlements", path: ["insecure-entitlements"], value: undefined },
    { what: "an entitlement in capitals", path: ["Insecure-Entitlements"], value: ["security.insecure"] },
    { what: "a TCP address", path: ["grpc", "address"], value: ["tcp://0.0.0.0:1234"] },
    { what: "a debug address", path: ["grpc", "debugAddress"], value: "0.0.0.0:6060" },
    { what: "the host's network", path: ["worker", "oci", "networkMode"], value: "host" },
    { what: "the network that falls back", path: ["worker", "oci", "networkMode"], value: "auto" },
    { what: "no word on the network", path: ["worker", "oci", "networkMode"], value: undefined },
    { what: "another CNI file", path: ["worker", "oci", "cniConfigPath"], value: "/tmp/mine.conflist" },
    { what: "another runc", path: ["worker", "oci", "binary"], value: "/tmp/evil" },
    { what: "no sandbox for processes", path: ["worker", "oci", "noProcessSandbox"], value: true },
    { what: "a proxy snapshotter", path: ["worker", "oci", "proxySnapshotterPath"], value: "/tmp/s" },
    { what: "containerd", path: ["worker", "containerd", "enabled"], value: true },
    { what: "CDI", path: ["cdi", "disabled"], value: false },
    { what: "a registry in plain HTTP", path: ["registry", "registry.example", "http"], value: true },
    {
      what: "a key for a registry",
      path: ["registry", "registry.example", "keypair"],
      value: [{ key: "/etc/shadow" }],
    },
    { what: "an environment for provenance", path: ["provenanceEnvDir"], value: "/etc" },
    { what: "a table where a value belongs", path: ["root"], value: {} },
    { what: "a list where a table belongs", path: ["cdi"], value: [{ disabled: true }, { disabled: false }] },
  ])("is refused with $what", ({ path, value }) => {
    expect(deviations(change(path, value), PLACES)).not.toEqual([]);
  });
});
