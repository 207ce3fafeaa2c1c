import { isExcepted, type Proxy, parseProxy } from "../core/proxy.ts";
import type { LoadedConfig } from "./config/config.ts";
import { ConfigInvalid } from "./config/problem.ts";

/**
 * As curl and Go's programs read them. `http_proxy` is for plain HTTP, which this agent does not
 * speak to its control plane.
 */
const [PROXY, NO_PROXY] = [
  ["https_proxy", "HTTPS_PROXY"],
  ["no_proxy", "NO_PROXY"],
] as const;

/**
 * The proxy that leads to the control plane: as configured, else as the environment says.
 * @throws {ConfigInvalid} for a variable that names none that this agent can use.
 */
export function planeProxy(
  { endpoint, proxy }: LoadedConfig<"controlPlane">["config"]["controlPlane"],
  environment: Readonly<Record<string, string | undefined>>,
): Proxy | undefined {
  if (proxy !== undefined) return proxy === "none" ? undefined : parseProxy(proxy);
  const variable = PROXY.find((name) => (environment[name] ?? "") !== "");
  const text = variable === undefined ? undefined : environment[variable];
  if (variable === undefined || text === undefined) return undefined;
  const exceptions = NO_PROXY.map((name) => environment[name] ?? "").find((found) => found !== "") ?? "";
  if (isExcepted(endpoint, exceptions)) return undefined;
  const found = parseProxy(text);
  if (found !== undefined) return found;
  throw new ConfigInvalid([
    {
      key: "",
      source: { from: "environment", variable },
      found: "what is no URL of an HTTP proxy",
      expected: 'one like "http://proxy.example:3128", or controlPlane.proxy = "none" to go without',
    },
  ]);
}
