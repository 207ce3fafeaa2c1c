import type { Config } from "./config.ts";
import { formatHostPort } from "./host-port.ts";
import type { Problem, Source } from "./problem.ts";

/**
 * What is wrong only when values are seen together. Sections that are not there are not looked at.
 */
export function crossCheck(config: Partial<Config>, sources: ReadonlyMap<string, Source>): readonly Problem[] {
  const { gateway, health, paths } = config;
  return [
    ...(gateway === undefined ? [] : limits(gateway)),
    ...(gateway === undefined || health === undefined ? [] : listeners(gateway, health)),
    ...(paths === undefined ? [] : directories(paths)),
  ].map(([key, found, expected]) => ({ key, source: sources.get(key) ?? { from: "default" }, found, expected }));
}

/** [key, found, expected] */
type Finding = readonly [string, string, string];

function limits(gateway: Config["gateway"]): readonly Finding[] {
  return (["maxConnections", "maxPendingHandshakes"] as const).flatMap((inAll): readonly Finding[] => {
    const perSource = `${inAll}PerSource` as const;
    if (gateway[perSource] <= gateway[inAll]) return [];
    return [
      [`gateway.${perSource}`, String(gateway[perSource]), `no more than gateway.${inAll}, which is ${gateway[inAll]}`],
    ];
  });
}

function listeners(gateway: Config["gateway"], health: Config["health"]): readonly Finding[] {
  const address = formatHostPort(health.listen);
  if (health.listen.port === 0 || address !== formatHostPort(gateway.listen)) return [];
  return [["health.listen", `"${address}"`, "an address other than gateway.listen, which is the same"]];
}

function directories({ stateDir, runtimeDir, cacheDir }: Config["paths"]): readonly Finding[] {
  const findings: Finding[] = [];
  if (isWithin(stateDir, runtimeDir)) {
    const reason = `a directory outside paths.runtimeDir (${runtimeDir}): records must outlive the machine's memory`;
    findings.push(["paths.stateDir", `"${stateDir}"`, reason]);
  } else if (isWithin(cacheDir, runtimeDir)) {
    const reason = `a directory outside paths.runtimeDir (${runtimeDir}): a layer cache there would fill the machine's memory`;
    findings.push(["paths.cacheDir", `"${cacheDir}"`, reason]);
  }
  return findings;
}

/** Whether `path` is `directory` or lies under it; both plain absolute paths. */
function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}
