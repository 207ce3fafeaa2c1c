import { readFile } from "node:fs/promises";
import { arch } from "node:os";
import { buffer } from "node:stream/consumers";
import { isId } from "../core/build-identity.ts";
import { AgentError } from "../core/errors.ts";
import { Secret } from "../core/secret.ts";
import { isFilesystem, unknownFilesystem } from "../core/volume/judge-order.ts";
import type { VolumeOrder } from "../core/volume/order.ts";
import { VolumeRefused } from "../core/volume/refusal.ts";
import type { Config } from "./config/config.ts";

/** The order as a command line gives it. */
export interface OrderOptions {
  readonly org: string;
  readonly project: string;
  readonly architecture?: string;
  readonly volumeId: string;
  readonly device?: string;
  readonly filesystem?: string;
  readonly keyFile?: string;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/**
 * What control would order, with the configuration's defaults. @throws {VolumeRefused} {AgentError}
 * "cache.malformed-order", "cache.key-unreadable"
 */
export async function orderOf(
  options: OrderOptions,
  { cacheVolume }: Pick<Config, "cacheVolume">,
  input: NodeJS.ReadableStream,
): Promise<VolumeOrder> {
  const device = options.device ?? cacheVolume.device;
  const filesystem = options.filesystem ?? cacheVolume.filesystem;
  if (!isFilesystem(filesystem)) throw new VolumeRefused(unknownFilesystem(filesystem));
  return {
    owner: {
      orgId: id("--org", options.org),
      projectId: id("--project", options.project),
      architecture: id("--architecture", options.architecture ?? ARCHITECTURES[arch()] ?? arch()),
    },
    volumeId: id("--volume-id", options.volumeId),
    ...(device !== undefined && { device }),
    filesystem,
    key:
      options.keyFile === undefined
        ? { kind: "per-boot" }
        : { kind: "given", key: await keyFrom(options.keyFile, input) },
  };
}

function id(flag: string, value: string): string {
  if (isId(value)) return value;
  throw new AgentError(
    "cache.malformed-order",
    `${flag} is ${JSON.stringify(value.slice(0, 64))}: it takes 1 to 128 letters, digits, dots, dashes and underscores`,
    { retryable: false },
  );
}

async function keyFrom(file: string, input: NodeJS.ReadableStream): Promise<Secret<Uint8Array>> {
  try {
    return new Secret<Uint8Array>(file === "-" ? await buffer(input) : await readFile(file));
  } catch (cause) {
    throw new AgentError("cache.key-unreadable", `Cannot read the key from ${file}`, { retryable: false, cause });
  }
}
