import { AgentError } from "../../core/errors.ts";
import type { MappingTable } from "../../core/volume/judge-mapping.ts";
import { type Command, QUICK_MS } from "./command.ts";
import { MAPPING } from "./cryptsetup.ts";

/** Keys are not shown unless they are asked for (dmsetup(8), --showkeys). */
export const showTable: Command = {
  program: "dmsetup",
  args: ["table", MAPPING],
  stdin: "nothing",
  answers: [0],
  deadlineMs: QUICK_MS,
};

/**
 * "START LENGTH crypt CIPHER KEY IV_OFFSET DEVICE OFFSET [COUNT OPTION…]" (the kernel's
 * admin-guide/device-mapper/dm-crypt.rst).
 * @param text What showTable prints: a line a target. @throws {AgentError} "cache.tool-answer"
 */
export function readTable(text: string): MappingTable {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const [first = ""] = lines;
  const [start, , target = "", cipher = "", key = "", ivOffset, device = "", offset, , ...options] = first.split(" ");
  if (lines.length !== 1 || target !== "crypt" || start !== "0") return { is: "other", targets: lines.map(targetOf) };
  if (!/^\d+:\d+$/.test(device)) throw unreadable();
  const sectors = options.filter((option) => option.startsWith(SECTOR_SIZE));
  return {
    is: "crypt",
    cipher,
    keyBytes: keyBytesOf(key),
    ivOffset: Number(ivOffset),
    device,
    offset: Number(offset),
    sectorBytes: Number(sectors[0]?.slice(SECTOR_SIZE.length) ?? LEAST_SECTOR_BYTES),
    options: options.filter((option) => !option.startsWith(SECTOR_SIZE)),
  };
}

const SECTOR_SIZE = "sector_size:";
/** dm-crypt's, where its table says nothing. */
const LEAST_SECTOR_BYTES = 512;

/** "-": none. ":BYTES:logon:NAME": in the kernel's keyring. Else two digits a byte, all zeros. */
function keyBytesOf(key: string): number {
  const { bytes } = /^:(?<bytes>\d+):/.exec(key)?.groups ?? {};
  return bytes === undefined ? Math.floor(key.length / 2) : Number(bytes);
}

function targetOf(line: string): string {
  return line.split(" ")[2] ?? "";
}

function unreadable(): AgentError {
  return new AgentError("cache.tool-answer", "dmsetup answered something else than a table of crypt's", {
    retryable: true,
  });
}
