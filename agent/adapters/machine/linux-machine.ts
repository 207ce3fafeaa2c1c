import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { arch, cpus, hostname, loadavg, release, totalmem } from "node:os";
import { AgentError } from "../../core/errors.ts";
import { CONTRACT } from "../../core/machine.ts";
import type { Machine } from "../../ports/machine.ts";
import { cacheSpace } from "./cache-space.ts";
import { inventory } from "./inventory.ts";
import { packagedVersion } from "./packaged-version.ts";
import { agentVersion, buildkitVersion } from "./versions.ts";

const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64", arm: "arm", ia32: "386" };

export interface LinuxMachineOptions {
  /** Its version is the package's; of another one it is asked once. */
  readonly buildkitBinary: string;
  /** Where the kernel's files are; /proc if absent. */
  readonly procDir?: string;
}

export function linuxMachine(options: LinuxMachineOptions): Machine {
  const procDir = options.procDir ?? "/proc";
  const space = cacheSpace();
  const bootId = (): Promise<string> => readBootId(procDir);
  return {
    bootId,
    async facts(signal) {
      signal.throwIfAborted();
      const [boot, found] = await Promise.all([bootId(), inventory()]);
      const processors = cpus();
      return {
        bootId: boot,
        hostname: hostname(),
        architecture: GO_ARCHITECTURES[arch()] ?? arch(),
        kernel: release(),
        cpuCount: processors.length,
        cpuModel: processors[0]?.model.trim() ?? "",
        memoryBytes: totalmem(),
        ...found,
      };
    },
    versions: async () => ({
      agent: agentVersion(),
      node: process.version,
      buildkit: packagedVersion(options.buildkitBinary) ?? (await buildkitVersion(options.buildkitBinary)),
      contract: CONTRACT,
    }),
    async resources(cacheRoot) {
      const { sizeBytes, freeBytes, inodes, freeInodes } = await space(cacheRoot);
      return {
        memoryAvailableBytes: readMemAvailable(procDir),
        load1m: loadavg()[0] ?? 0,
        cacheSizeBytes: sizeBytes,
        cacheFreeBytes: freeBytes,
        cacheInodes: inodes,
        cacheFreeInodes: freeInodes,
      };
    },
  };
}

/** @throws {AgentError} "machine.no-boot-id" */
export async function readBootId(procDir = "/proc"): Promise<string> {
  const file = `${procDir}/sys/kernel/random/boot_id`;
  try {
    const id = (await readFile(file, "utf8")).trim();
    if (id !== "") return id;
  } catch (cause) {
    throw noBootId(file, cause);
  }
  throw noBootId(file);
}

function noBootId(file: string, cause?: unknown): AgentError {
  return new AgentError("machine.no-boot-id", `${file} tells no boot id: is /proc mounted?`, {
    retryable: false,
    cause,
  });
}

/**
 * "MemAvailable: 123 kB", where the kernel's kB are 1024 bytes. The kernel answers at once; read in
 * another thread it would be five wake-ups, every few seconds.
 */
function readMemAvailable(procDir: string): number {
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync(`${procDir}/meminfo`, "utf8"))?.[1];
  return kib === undefined ? 0 : Number(kib) * 1024;
}
