import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { STEP_WROTE_NOTHING, stepProgram } from "../../agent/adapters/buildkit/step-program.ts";
import { GrpcStepTrial } from "../../agent/adapters/buildkit/step-trial.ts";

/** Arm's architecture reference manual, C6.2: MOVZ, MOVN, ADR and SVC of 64 bits. */
const movz = (register: number, value: number): number => 0xd2800000 + value * 32 + register;
const movn = (register: number, value: number): number => 0x92800000 + value * 32 + register;
const adr = (register: number, bytes: number): number => 0x10000000 + (bytes >> 2) * 32 + register;
const SVC = 0xd4000001;

it("is a program of Linux that the kernel takes: its header's entry is its first instruction", () => {
  for (const architecture of ["x64", "arm64"] as const) {
    const program = stepProgram(architecture);
    expect(program.subarray(0, 4).toString("latin1")).toBe("\x7fELF");
    expect(program.readUInt16LE(18)).toBe({ x64: 0x3e, arm64: 0xb7 }[architecture]);
    expect(Number(program.readBigUInt64LE(24) - program.readBigUInt64LE(64 + 16))).toBe(120);
    expect(Number(program.readBigUInt64LE(64 + 32))).toBe(program.length);
    expect(program.toString("latin1")).toMatch(/\/written\0$/);
  }
});

it("makes a directory and exits with what the kernel said, on Arm as well", () => {
  const program = stepProgram("arm64");
  const instructions = Array.from({ length: 7 }, (_, index) => program.readUInt32LE(120 + 4 * index));
  const mkdirat = [movn(0, 100 - 1), adr(1, 24), movz(2, 0o755), movz(8, 34), SVC];
  expect(instructions).toEqual([...mkdirat, movz(8, 93), SVC]);
  expect(program.toString("latin1", 120 + 28)).toBe("/written\0");
});

it.skipIf(process.arch !== "x64" || process.getuid?.() !== 0)("runs, and writes where it may", () => {
  const root = mkdtempSync(join(tmpdir(), "step-"));
  try {
    writeFileSync(join(root, "program"), stepProgram("x64"), { mode: 0o755 });
    const run = (): unknown => execFileSync("chroot", [root, "/program"]);
    run();
    expect(statSync(join(root, "written")).isDirectory()).toBe(true);
    // EEXIST is 17.
    expect(run).toThrow(expect.objectContaining({ status: 256 - 17 }) as Error);
  } finally {
    rmSync(root, { recursive: true });
  }
});

it("says by its exit code which disk is at fault", () => {
  expect([...STEP_WROTE_NOTHING]).toEqual([
    [251, "disk-error"],
    [228, "no-space"],
    [226, "read-only"],
  ]);
});

it("is refused where builders have none", () => {
  expect(() => new GrpcStepTrial("/nowhere/buildkitd.sock", "mips")).toThrow(/no program .* on mips/);
});
