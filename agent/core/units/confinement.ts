import type { OwnUnit } from "./own-units.ts";

/** What isolation rests on of a unit: a setting, and what it has to be. */
export interface Rest {
  readonly setting: string;
  /** Exactly this, as `systemctl show` writes it. */
  readonly is?: string;
  /** Somewhere in it. */
  readonly has?: string;
  /** None of these words. */
  readonly hasNone?: readonly string[];
}

const UNPRIVILEGED: readonly Rest[] = [
  { setting: "NoNewPrivileges", is: "yes" },
  { setting: "CapabilityBoundingSet", is: "" },
  { setting: "PrivateUsers", is: "yes" },
  { setting: "ProtectSystem", is: "strict" },
];

/**
 * Not all of a unit's hardening, which `systemd-analyze security` judges: what would let a build,
 * or whoever broke into a process that builds talk to, further than the design says.
 */
export const CONFINEMENT: Partial<Readonly<Record<OwnUnit, readonly Rest[]>>> = {
  "builder-agent-gateway.service": [
    { setting: "User", is: "builder-gateway" },
    { setting: "PrivateNetwork", is: "yes" },
    { setting: "RootDirectory", is: "/run/builder-agent/root/gateway" },
    ...UNPRIVILEGED,
  ],
  "builder-agent-control.service": [
    { setting: "User", is: "builder-control" },
    { setting: "RootDirectory", is: "/run/builder-agent/root/control" },
    ...UNPRIVILEGED,
  ],
  "buildkitd.service": [
    // The network of its own, on the builds' side of the guard.
    { setting: "ExecStart", has: "/usr/lib/builder-agent/bin/start-buildkitd" },
    // The guard is in force before it starts, and its configuration was judged.
    { setting: "ExecStartPre", has: "network ensure" },
    { setting: "ExecStartPre", has: "buildkit prepare" },
    { setting: "Slice", is: "builds.slice" },
    { setting: "KillMode", is: "mixed" },
    { setting: "ProtectSystem", is: "strict" },
    { setting: "PrivateMounts", is: "yes" },
    { setting: "ProtectKernelModules", is: "yes" },
    {
      setting: "CapabilityBoundingSet",
      hasNone: ["cap_sys_module", "cap_sys_rawio", "cap_sys_boot", "cap_sys_time", "cap_syslog", "cap_bpf"],
    },
  ],
};

/** Every setting that is asked for, of whatever unit. */
export const CONFINING_SETTINGS: readonly string[] = [
  ...new Set(Object.values(CONFINEMENT).flatMap((rests) => rests.map(({ setting }) => setting))),
];

/** What is not as it has to be: "NoNewPrivileges=no, not yes". */
export function looserThanMade(name: OwnUnit, settings: Readonly<Record<string, string>>): readonly string[] {
  return (CONFINEMENT[name] ?? []).flatMap((rest) => {
    const { setting } = rest;
    const value = settings[setting] ?? "";
    const extra = (rest.hasNone ?? []).filter((word) => value.split(" ").includes(word));
    if (extra.length > 0) return [`${setting} has ${extra.join(" ")}`];
    if (rest.is !== undefined && value !== rest.is) return [`${setting}=${value}, not ${rest.is || "empty"}`];
    if (rest.has !== undefined && !value.includes(rest.has)) return [`${setting} is without ${rest.has}`];
    return [];
  });
}
