import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import type { LoadedConfig } from "./config/config.ts";
import type { Problem } from "./config/problem.ts";
import { findProgram } from "./find-program.ts";

/** One thing that the configuration names, as it lies on this machine. */
export interface Surrounding extends Problem {
  /**
   * "fails": the agent cannot work like this. "warns": it may come later, and the agent waits for
   * it. "unseen": whoever asks may not look.
   */
  readonly state: "fails" | "warns" | "unseen";
}

type Named = LoadedConfig<"identity" | "cacheVolume" | "buildkit" | "network" | "tailnet" | "telemetry">;

/** What these plugins make is a build step's network (core/network/conflist.ts). */
const CNI_PLUGINS = ["ptp", "loopback"];
/** By which the network of builds is made and guarded. */
const NETWORK_PROGRAMS = ["ip", "nft", "nsenter", "setpriv", "unshare"];

/** The files and programs that the configuration names: those that are amiss. */
export async function surroundings(
  { config, sources }: Named,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<readonly Surrounding[]> {
  const { identity, cacheVolume, buildkit, network, tailnet, telemetry } = config;
  const find = (program: string) => findProgram(program, environment["PATH"]);
  const bridged = network.mode === "bridge";
  const found = await Promise.all([
    ...("tokenFile" in identity && identity.tokenFile !== undefined
      ? [file("identity.tokenFile", identity.tokenFile, "the token; the agent tries again until it is there")]
      : []),
    ...(identity.kind === "oidc-socket"
      ? [
          file(
            "identity.oidcSocket",
            identity.oidcSocket,
            "the socket of the platform; the agent tries again until it is there",
          ),
        ]
      : []),
    ...(identity.kind === "nitro-tpm"
      ? [program("identity.nitroTpmAttest", identity.nitroTpmAttest, "fails", find)]
      : []),
    ...(cacheVolume.device?.startsWith("/") === true
      ? [file("cacheVolume.device", cacheVolume.device, "the cache's disk; the agent waits for it")]
      : []),
    program("buildkit.binary", buildkit.binary, "fails", find),
    program("buildkit.runc", buildkit.runc, "fails", find),
    program("buildkit.bbolt", buildkit.bbolt, "fails", find),
    ...(bridged
      ? CNI_PLUGINS.map((plugin) =>
          program("buildkit.cniBinaryDir", `${buildkit.cniBinaryDir}/${plugin}`, "fails", find),
        )
      : []),
    ...(bridged ? NETWORK_PROGRAMS.map((name) => program("network.mode", name, "fails", find)) : []),
    program("tailnet.binary", tailnet.binary, "warns", find),
    ...(tailnet.identityTokenFile === undefined
      ? []
      : [
          file(
            "tailnet.identityTokenFile",
            tailnet.identityTokenFile,
            "what a tailnet's credentials are exchanged for; it is read anew each time",
          ),
        ]),
    ...(telemetry.headersFile === undefined
      ? []
      : [file("telemetry.headersFile", telemetry.headersFile, "headers for traces; it is read anew for each export")]),
    ...(telemetry.caFile === undefined
      ? []
      : [file("telemetry.caFile", telemetry.caFile, "whom traces are sent to; it is read anew for each export")]),
  ]);
  return found.flatMap((one) =>
    one === undefined ? [] : [{ ...one, source: sources.get(one.key) ?? { from: "default" } }],
  );
}

type Found = Omit<Surrounding, "source"> | undefined;

/** A file that may come later. Its content is nobody's business here. */
async function file(key: string, path: string, role: string): Promise<Found> {
  try {
    const { size } = await stat(path);
    await access(path, constants.R_OK);
    const isEmpty = size === 0 && (await stat(path)).isFile();
    return isEmpty ? { key, state: "warns", found: `"${path}", which is empty`, expected: role } : undefined;
  } catch (failure) {
    const code = failure instanceof Error && "code" in failure ? String(failure.code) : "unknown";
    if (code === "EACCES" || code === "EPERM") {
      const expected = "somebody who may: ask as root";
      return { key, state: "unseen", found: `"${path}", at which this user may not look`, expected };
    }
    return { key, state: "warns", found: `"${path}", which is not there (${code})`, expected: role };
  }
}

async function program(
  key: string,
  name: string,
  state: "fails" | "warns",
  find: (program: string) => Promise<string | undefined>,
): Promise<Found> {
  if ((await find(name)) !== undefined) return undefined;
  const where = name.startsWith("/")
    ? "which is no program that can be run"
    : "which is in no folder of PATH, nor where the units look";
  const expected =
    state === "fails"
      ? "a program: install it, or name it by its path"
      : "a program, before this machine can be a tailnet's node";
  return { key, state, found: `"${name}", ${where}`, expected };
}
