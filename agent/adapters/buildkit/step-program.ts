import type { StepFault } from "../../core/step-trial.ts";

/**
 * A static program for Linux, whole: makes the directory "/written" in its root, and exits with 0,
 * or with 256 minus the error's number. It comes with the request, so that no image is needed.
 */
export function stepProgram(architecture: StepArchitecture): Buffer {
  const { machine, code } = PROGRAMS[architecture];
  const body = Buffer.concat([Buffer.from(code, "hex"), Buffer.from("/written\0")]);
  const header = Buffer.alloc(HEADERS);
  // Elf64_Ehdr: little-endian, an executable, its entry behind the headers, one program header.
  header.write("\x7fELF\x02\x01\x01", "latin1");
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(machine, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(LOADED_AT + BigInt(HEADERS), 24);
  header.writeBigUInt64LE(BigInt(EHDR), 32);
  header.writeUInt16LE(EHDR, 52);
  header.writeUInt16LE(PHDR, 54);
  header.writeUInt16LE(1, 56);
  // Elf64_Phdr: PT_LOAD, readable and executable, the whole file.
  const size = BigInt(HEADERS + body.length);
  header.writeUInt32LE(1, EHDR);
  header.writeUInt32LE(5, EHDR + 4);
  header.writeBigUInt64LE(LOADED_AT, EHDR + 16);
  header.writeBigUInt64LE(LOADED_AT, EHDR + 24);
  header.writeBigUInt64LE(size, EHDR + 32);
  header.writeBigUInt64LE(size, EHDR + 40);
  header.writeBigUInt64LE(LARGEST_PAGE, EHDR + 48);
  return Buffer.concat([header, body]);
}

/** As Node names them. */
export type StepArchitecture = "x64" | "arm64";

export function isStepArchitecture(name: string): name is StepArchitecture {
  return name in PROGRAMS;
}

/**
 * Its exit codes that say why it could not write: EIO, ENOSPC, EROFS (asm-generic/errno-base.h).
 */
export const STEP_WROTE_NOTHING: ReadonlyMap<number, StepFault> = new Map([
  [256 - 5, "disk-error"],
  [256 - 28, "no-space"],
  [256 - 30, "read-only"],
]);

const EHDR = 64;
const PHDR = 56;
const HEADERS = EHDR + PHDR;
const LOADED_AT = 0x400000n;
const LARGEST_PAGE = 0x10000n;

/** `machine`: e_machine of elf.h. The path follows the last instruction. */
const PROGRAMS: Readonly<Record<StepArchitecture, { readonly machine: number; readonly code: string }>> = {
  x64: {
    machine: 62,
    code: [
      "488d3d15000000", // lea rdi, [path]
      "beed010000", //     mov esi, 0755
      "b853000000", //     mov eax, 83 (mkdir)
      "0f05", //           syscall
      "89c7", //           mov edi, eax
      "b83c000000", //     mov eax, 60 (exit)
      "0f05", //           syscall
    ].join(""),
  },
  arm64: {
    machine: 183,
    code: [
      "600c8092", // mov x0, -100 (AT_FDCWD)
      "c1000010", // adr x1, path
      "a23d80d2", // mov x2, 0755
      "480480d2", // mov x8, 34 (mkdirat)
      "010000d4", // svc 0
      "a80b80d2", // mov x8, 93 (exit)
      "010000d4", // svc 0
    ].join(""),
  },
};
